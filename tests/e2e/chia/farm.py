"""A Chia farm for tests, out of chia's own code: `prepare DIRECTORY SHARE` makes two installations of one farm and their
plots, `node DIRECTORY` runs a simulated full node that hands out a signage point every two seconds and says so, `pool` is a
stand-in of a pool, and `ask` reads lines of PORT ROUTE BODY and prints what a service says, a line for each.

The first installation has node, farmer, wallet and a harvester; the second, of a machine of its own, has a daemon and a
harvester whose plots lie in SHARE. Nobody outside of this machine is dialled.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

NETWORK = "simulator0"
# Of chia's own simulator, whose blocks begin with it.
GENESIS = "eb8c4d20b322be8d9fddbf9412016bdffe9a2901d7edb0e364e94266d0e095f7"
SIGNAGE_POINT_EVERY = 2.0
PLOT_K = 18
BLOCKS = 4
# The node farms its blocks with plots of its own, which take longer to make than all else. One will do.
NODE_PLOTS = 1
POOL = ("127.0.0.1", 8080)
# Every so many partials one is too late for the pool.
TOO_LATE_EVERY = 3
# A machine with other work to do is slow, and a service that does not answer is told by the test.
ANSWER_WITHIN = 20


def chia(root, *arguments):
    program = Path(sys.executable).parent / "chia"
    environment = dict(os.environ, CHIA_ROOT=str(root))
    subprocess.run([program, *arguments], env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def prepare(directory, share):
    from chia.util.keychain import Keychain

    first, second = directory / "farm", directory / "nas"
    chia(first, "init")
    chia(first, "keys", "generate", "--label", "test")
    chia(second, "init")
    # As on a real machine: a harvester elsewhere gets its certificates from the farm's authority.
    chia(second, "init", "-c", str(first / "config/ssl/ca"))
    key = Keychain().get_first_private_key()[0]
    disk = directory / "disk"
    disk.mkdir()
    asyncio.run(plots(key, directory, disk, share))
    join_pool(first, key)
    (disk / f"plot-k{PLOT_K}-broken.plot").write_bytes(b"no plot")
    for root, rpc, daemon, directories in [
        (first, 8560, 55400, [str(disk), str(directory / "nothing-mounted")]),
        (second, 8570, 55401, [str(share)]),
    ]:
        configure(root, key, rpc, daemon, directories)


def of_pool(what):
    from chia.util.hash import std_hash
    from chia_rs.sized_bytes import bytes32

    return bytes32(std_hash(what))


def join_pool(root, key):
    """As if a plot NFT had been made; there is none on the chain, which farmer and pool do not look at."""
    from chia.pools.pool_config import PoolingShareState
    from chia.wallet.derive_keys import master_sk_to_singleton_owner_sk
    from chia_rs.sized_ints import uint32

    state = PoolingShareState(launcher_id=of_pool(b"launcher"), pool_url="http://{}:{}".format(*POOL),
                              payout_instructions=of_pool(b"payout").hex(), target_puzzle_hash=of_pool(b"target"),
                              p2_singleton_puzzle_hash=of_pool(b"plots"), key_derivation_index=-1,
                              owner_public_key=master_sk_to_singleton_owner_sk(key, uint32(0)).get_g1())
    state.add(root_path=root)


async def plots(key, directory, disk, share):
    from chia.plotting.create_plots import PlotKeys, create_plots
    from chia.plotting.util import Params
    from chia.util.bech32m import encode_puzzle_hash
    from chia.wallet.derive_keys import master_sk_to_farmer_sk, master_sk_to_pool_sk

    farmer = master_sk_to_farmer_sk(key).get_g1()
    own = PlotKeys(farmer, master_sk_to_pool_sk(key).get_g1(), None)
    pooled = PlotKeys(farmer, None, encode_puzzle_hash(of_pool(b"plots"), "txch"))
    temporary = directory / "temporary"
    temporary.mkdir()
    for place, number, keys in [(disk, 2, own), (disk, 1, pooled), (share, 2, own)]:
        wanted = Params(size=PLOT_K, num=number, buffer=256, num_threads=1, buckets=0, tmp_dir=temporary, tmp2_dir=None,
                        final_dir=place, plotid=None, memo=None, nobitfield=False, stripe_size=2000)
        await create_plots(wanted, keys)
    shutil.rmtree(temporary)


def address_of(key):
    from chia.util.bech32m import encode_puzzle_hash
    from chia.wallet.derive_keys import master_sk_to_wallet_sk_unhardened
    from chia.wallet.puzzles.p2_delegated_puzzle_or_hidden_puzzle import puzzle_hash_for_pk
    from chia_rs.sized_ints import uint32

    return encode_puzzle_hash(puzzle_hash_for_pk(master_sk_to_wallet_sk_unhardened(key, uint32(0)).get_g1()), "txch")


def configure(root, key, harvester_rpc, daemon_port, plot_directories):
    path = root / "config/config.yaml"
    config = yaml.safe_load(path.read_text())
    # Plots this small, and a filter that lets half of them through, so that every signage point has something to look up.
    constants = dict(
        config["network_overrides"]["constants"]["testnet0"],
        GENESIS_CHALLENGE=GENESIS,
        AGG_SIG_ME_ADDITIONAL_DATA=GENESIS,
        GENESIS_PRE_FARM_FARMER_PUZZLE_HASH="11" * 32,
        GENESIS_PRE_FARM_POOL_PUZZLE_HASH="22" * 32,
        HARD_FORK_HEIGHT=0,
        MIN_PLOT_SIZE_V1=PLOT_K,
        NUMBER_ZERO_BITS_PLOT_FILTER_V1=1,
        DIFFICULTY_CONSTANT_FACTOR=2**25,
        TESTNET=True,
    )
    alone = {"selected_network": NETWORK, "self_hostname": "127.0.0.1", "daemon_port": daemon_port, "dns_servers": [],
             "introducer_peer": None, "enable_upnp": False}

    def set_everywhere(node):
        for name, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(name, str) and name in alone:
                node[name] = alone[name]
            elif name in ("host", "daemon_host") and value == "localhost":
                node[name] = "127.0.0.1"
            elif name == "network_overrides":
                value["constants"][NETWORK] = dict(constants)
                value["config"][NETWORK] = {"address_prefix": "txch", "default_full_node_port": 8444}
            elif isinstance(value, (dict, list)):
                set_everywhere(value)

    set_everywhere(config)
    address = address_of(key)
    config["full_node"].update(target_outbound_peer_count=0, peer_connect_interval=3600)
    config["farmer"].update(xch_target_address=address, solver_peers=[])
    config["pool"]["xch_target_address"] = address
    config["wallet"]["connect_to_unknown_peers"] = False
    config["harvester"].update(rpc_port=harvester_rpc, plot_directories=plot_directories)
    # A look through the directories this often, so that a stale one shows soon.
    config["harvester"]["plots_refresh_parameter"]["interval_seconds"] = 3
    config["simulator"].update(key_fingerprint=key.get_g1().get_fingerprint(), farming_address=address,
                               plot_directory="simulator-plots")
    path.write_text(yaml.safe_dump(config))


async def hand_out_signage_points(service):
    from chia.protocols import farmer_protocol
    from chia.protocols.outbound_message import NodeType, make_msg
    from chia.protocols.protocol_message_types import ProtocolMessageTypes
    from chia_rs.sized_bytes import bytes32
    from chia_rs.sized_ints import uint8, uint32, uint64

    def anything():
        return bytes32(secrets.token_bytes(32))

    number, challenge = 0, anything()
    while True:
        await asyncio.sleep(SIGNAGE_POINT_EVERY)
        number = number % 63 + 1
        if number == 1:
            challenge = anything()
        height = uint32(service._node.blockchain.get_peak().height)
        point = farmer_protocol.NewSignagePoint(challenge, anything(), anything(), uint64(2000), uint64(2**20),
                                                uint8(number), height, height, None, anything())
        message = make_msg(ProtocolMessageTypes.new_signage_point, point)
        await service._server.send_to_all([message], NodeType.FARMER)
        print("signage point", flush=True)
        service._node._state_changed("signage_point", {"broadcast_farmer": point})


async def node(root):
    from chia.util.bech32m import decode_puzzle_hash
    from chia_rs.sized_bytes import bytes32
    from chia.server.signal_handlers import SignalHandlers
    from chia.simulator import start_simulator

    start_simulator.PLOTS = NODE_PLOTS
    service = (await start_simulator.async_main(test_mode=True, root_path=root)).service
    async with SignalHandlers.manage() as handlers:
        await service.setup_process_global_state(signal_handlers=handlers)
        async def farm():
            while service._node is None or not service._node.initialized:
                await asyncio.sleep(0.1)
            farmer = bytes32(decode_puzzle_hash(service.config["simulator"]["farming_address"]))
            await service._api.farm_blocks_to_puzzlehash(count=BLOCKS, farm_to=farmer, guarantee_transaction_blocks=True,
                                                         timeout=None)
            await hand_out_signage_points(service)

        points = asyncio.create_task(farm())
        await service.run()
        points.cancel()


def pool():
    """As much of the protocol of pools as a farmer needs for its partials to be counted."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    known, partials = {}, []

    class Pool(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def say(self, **what):
            body = json.dumps(what).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            if self.path.startswith("/pool_info"):
                self.say(name="pool", logo_url="", description="", fee="0", minimum_difficulty=10, protocol_version=1,
                         relative_lock_height=100, target_puzzle_hash=of_pool(b"target").hex(), authentication_token_timeout=5)
            elif known:
                self.say(**known, current_difficulty=10, current_points=10 * len(partials))
            else:
                self.say(error_code=10, error_message="farmer not known")

        def do_POST(self):
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.startswith("/farmer"):
                known.update({name: said["payload"][name] for name in ("authentication_public_key", "payout_instructions")})
                self.say(welcome_message="")
                return
            partials.append(self.path)
            if len(partials) % TOO_LATE_EVERY == 0:
                self.say(error_code=2, error_message="too late")
            else:
                self.say(new_difficulty=10)

        do_PUT = do_POST

    ThreadingHTTPServer(POOL, Pool).serve_forever()


async def ask():
    import aiohttp
    import ssl

    certificates = Path(os.environ["CHIA_ROOT"]) / "config/ssl"
    context = ssl.create_default_context(cafile=certificates / "ca/private_ca.crt")
    context.load_cert_chain(certificates / "farmer/private_farmer.crt", certificates / "farmer/private_farmer.key")
    # A connection for each question: services are stopped and started in between.
    connector = aiohttp.TCPConnector(force_close=True)
    within = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
    async with aiohttp.ClientSession(connector=connector, timeout=within) as session:
        while line := await asyncio.to_thread(sys.stdin.readline):
            port, route, body = line.split(maxsplit=2)
            url = f"https://127.0.0.1:{port}/{route}"
            try:
                async with session.post(url, json=json.loads(body), ssl=context, server_hostname="chia.net") as answer:
                    said = {"answer": await answer.json()}
            except Exception as fault:
                said = {"fault": f"{route}: {fault!r}"}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    command, *places = sys.argv[1:]
    if command == "prepare":
        prepare(Path(places[0]), Path(places[1]))
    elif command == "pool":
        pool()
    elif command == "ask":
        asyncio.run(ask())
    else:
        # chia looks at the command line itself.
        sys.argv[1:] = []
        asyncio.run(node(Path(places[0])))
