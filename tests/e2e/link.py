# A link to another network namespace, without asking for iproute2.
#
#   link.py make PID       a pair of ends: `fw0` here, with 10.77.0.1, and `fw1` in the network of that process
#   link.py address NAME ADDRESS   gives an end of this network its address, and takes it up
#   link.py up NAME, link.py down NAME
import fcntl, os, socket, struct, sys

SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
IFF_UP, IFF_RUNNING = 0x1, 0x40
RTM_NEWLINK, NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 16, 0x1, 0x4, 0x200, 0x400
IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_PID = 3, 18, 19
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1


def attribute(kind, value):
    length = 4 + len(value)
    return struct.pack("HH", length, kind) + value + b"\0" * (-length % 4)


def make(pid):
    header = struct.pack("BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)
    peer = header + attribute(IFLA_IFNAME, b"fw1\0") + attribute(IFLA_NET_NS_PID, struct.pack("I", pid))
    info = attribute(IFLA_INFO_KIND, b"veth\0") + attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer))
    body = header + attribute(IFLA_IFNAME, b"fw0\0") + attribute(IFLA_LINKINFO, info)
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE
    message = struct.pack("IHHII", 16 + len(body), RTM_NEWLINK, flags, 1, 0) + body
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    netlink.send(message)
    error = struct.unpack_from("i", netlink.recv(65536), 16)[0]
    if error:
        sys.exit(f"the kernel makes no link: {os.strerror(-error)}")


def request(name, rest):
    return struct.pack("16s", name.encode()) + rest


def flags(name, up):
    value = IFF_UP | IFF_RUNNING if up else 0
    fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, request(name, struct.pack("H22x", value)))


def address(name, text):
    for call, each in ((SIOCSIFADDR, text), (SIOCSIFNETMASK, "255.255.255.0")):
        inside = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(each))
        fcntl.ioctl(socket.socket(), call, request(name, inside + b"\0" * 8))
    flags(name, True)


match sys.argv[1:]:
    case ["make", pid]:
        make(int(pid))
    case ["address", name, text]:
        address(name, text)
    case ["up" | "down" as which, name]:
        flags(name, which == "up")
