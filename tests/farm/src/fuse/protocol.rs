//! The messages of the FUSE kernel interface, protocol 7.31: layouts of `include/uapi/linux/fuse.h`, no I/O.

use super::settings::Settings;

/// The root directory; its entries follow in the order of their names.
const ROOT: u64 = 1;
const FIRST_ENTRY: u64 = 2;

const IN_HEADER: usize = 40;
const MINOR: u32 = 31;
const DIRECTORY: u32 = 0o040_755;
const REGULAR: u32 = 0o100_644;
const NAME_MAX: u32 = 255;

/// The least the kernel allows; nobody writes here.
const MAX_WRITE: u32 = 4096;

pub(super) const ENOENT: i32 = 2;
pub(super) const ENOSYS: i32 = 38;

/// What the kernel asks, as far as it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Lookup,
    Getattr,
    Statfs,
    Opendir,
    Readdir,
    Releasedir,
    Access,
    Init,
    /// Forgetting and interrupting expect no answer.
    Unanswered,
    Destroy,
    Other,
}

impl Operation {
    fn of(opcode: u32) -> Self {
        match opcode {
            1 => Self::Lookup,
            3 => Self::Getattr,
            17 => Self::Statfs,
            26 => Self::Init,
            27 => Self::Opendir,
            28 => Self::Readdir,
            29 => Self::Releasedir,
            34 => Self::Access,
            38 => Self::Destroy,
            // FORGET, INTERRUPT, BATCH_FORGET.
            2 | 36 | 42 => Self::Unanswered,
            _ => Self::Other,
        }
    }

    /// The name it is counted under.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Getattr => "getattr",
            Self::Statfs => "statfs",
            Self::Opendir => "opendir",
            Self::Readdir => "readdir",
            Self::Releasedir => "releasedir",
            Self::Access => "access",
            Self::Init => "init",
            Self::Unanswered => "unanswered",
            Self::Destroy => "destroy",
            Self::Other => "other",
        }
    }
}

/// One request of the kernel.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) operation: Operation,
    unique: u64,
    node: u64,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            operation: Operation::of(u32_at(bytes, 4)?),
            unique: u64_at(bytes, 8)?,
            node: u64_at(bytes, 16)?,
            body: bytes.get(IN_HEADER..)?.to_vec(),
        })
    }

    /// The bytes to write back.
    pub(super) fn answer(&self, settings: &Settings) -> Vec<u8> {
        let payload = match self.operation {
            Operation::Init => Ok(self.init()),
            Operation::Getattr => attributes(settings, self.node).map(|attributes| {
                // No caching: an incident must be seen by the next call.
                [&[0; 16], &*attributes].concat()
            }),
            Operation::Lookup => self.lookup(settings),
            Operation::Statfs => Ok(statfs(settings)),
            Operation::Opendir => Ok(vec![0; 16]),
            Operation::Readdir => Ok(self.entries(settings)),
            Operation::Releasedir | Operation::Access | Operation::Destroy => Ok(Vec::new()),
            Operation::Unanswered | Operation::Other => Err(ENOSYS),
        };
        match payload {
            Ok(payload) => self.framed(0, &payload),
            Err(errno) => self.refusal(errno),
        }
    }

    /// An answer that is only an error.
    pub(super) fn refusal(&self, errno: i32) -> Vec<u8> {
        self.framed(-errno, &[])
    }

    fn framed(&self, error: i32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + payload.len()).unwrap_or(u32::MAX);
        let mut out = Out::default();
        out.u32(length).i32(error).u64(self.unique);
        out.0.extend(payload);
        out.0
    }

    /// `fuse_init_out`: no optional feature, so the kernel asks for everything each time.
    fn init(&self) -> Vec<u8> {
        let readahead = u32_at(&self.body, 8).unwrap_or(0);
        let mut out = Out::default();
        out.u32(7).u32(MINOR).u32(readahead).u32(0);
        // max_background and congestion_threshold, two u16.
        out.u32(0);
        out.u32(MAX_WRITE).u32(1);
        out.0.resize(64, 0);
        out.0
    }

    fn lookup(&self, settings: &Settings) -> Result<Vec<u8>, i32> {
        let name = self.body.split(|byte| *byte == 0).next().unwrap_or_default();
        let place = settings
            .entries
            .keys()
            .position(|entry| entry.as_bytes() == name)
            .ok_or(ENOENT)?;
        let node = FIRST_ENTRY + widened(place);
        let mut out = Out::default();
        out.u64(node).u64(0).u64(0).u64(0).u64(0);
        out.0.extend(attributes(settings, node)?);
        Ok(out.0)
    }

    /// As many `fuse_dirent` from the offset on as fit.
    fn entries(&self, settings: &Settings) -> Vec<u8> {
        let offset = u64_at(&self.body, 8).unwrap_or(0);
        let room = u32_at(&self.body, 16)
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(0);
        let dots = [(ROOT, ".", DIRECTORY), (ROOT, "..", DIRECTORY)];
        let files = settings
            .entries
            .keys()
            .zip(FIRST_ENTRY..)
            .map(|(name, node)| (node, name.as_str(), REGULAR));
        let mut out = Out::default();
        for ((node, name, mode), next) in dots.into_iter().chain(files).zip(1_u64..) {
            if next <= offset {
                continue;
            }
            if out.0.len() + (24 + name.len()).next_multiple_of(8) > room {
                break;
            }
            out.u64(node)
                .u64(next)
                .u32(u32::try_from(name.len()).unwrap_or(0))
                .u32(mode >> 12);
            out.0.extend(name.as_bytes());
            out.0.resize(out.0.len().next_multiple_of(8), 0);
        }
        out.0
    }
}

/// `fuse_attr` of the directory or one of its files.
fn attributes(settings: &Settings, node: u64) -> Result<Vec<u8>, i32> {
    let (size, mode, links) = if node == ROOT {
        (4096, DIRECTORY, 2)
    } else {
        let place = node
            .checked_sub(FIRST_ENTRY)
            .and_then(|place| usize::try_from(place).ok())
            .ok_or(ENOENT)?;
        (*settings.entries.values().nth(place).ok_or(ENOENT)?, REGULAR, 1)
    };
    let mut out = Out::default();
    out.u64(node).u64(size).u64(size.div_ceil(512));
    // Times, owner and device stay zero.
    out.u64(0).u64(0).u64(0).u32(0).u32(0).u32(0);
    out.u32(mode).u32(links).u32(0).u32(0).u32(0).u32(settings.bsize).u32(0);
    Ok(out.0)
}

/// `fuse_kstatfs`.
fn statfs(settings: &Settings) -> Vec<u8> {
    let mut out = Out::default();
    out.u64(settings.blocks)
        .u64(settings.bfree)
        .u64(settings.bavail)
        .u64(settings.files)
        .u64(settings.ffree);
    out.u32(settings.bsize).u32(NAME_MAX).u32(settings.bsize);
    out.0.resize(80, 0);
    out.0
}

fn widened(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes)
}

/// A message being written, in the byte order of the machine.
#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    fn i32(&mut self, value: i32) -> &mut Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_ne_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(opcode: u32, node: u64, body: &[u8]) -> Request {
        let mut out = Out::default();
        out.u32(0).u32(opcode).u64(77).u64(node).u64(0).u64(0);
        out.0.extend(body);
        Request::parse(&out.0).unwrap()
    }

    #[test]
    fn every_answer_has_the_length_the_kernel_expects() {
        let settings = Settings::default();
        let name = settings.entries.keys().next().unwrap();
        let mut name = name.clone().into_bytes();
        name.push(0);
        for (opcode, node, body, payload) in [
            (26, 0, vec![0; 64], 64),
            (3, 1, vec![0; 16], 16 + 88),
            (3, 3, vec![0; 16], 16 + 88),
            (1, 1, name, 40 + 88),
            (17, 1, vec![], 80),
            (27, 1, vec![0; 8], 16),
            (34, 1, vec![0; 8], 0),
        ] {
            let answer = request(opcode, node, &body).answer(&settings);
            assert_eq!(answer.len(), 16 + payload, "{opcode}");
            assert_eq!(
                u32_at(&answer, 0).map(usize::try_from),
                Some(Ok(answer.len())),
                "{opcode}"
            );
            assert_eq!(
                (u32_at(&answer, 4), u64_at(&answer, 8)),
                (Some(0), Some(77)),
                "{opcode}"
            );
        }
    }

    #[test]
    fn what_is_not_there_and_what_is_not_known_is_refused() {
        let settings = Settings::default();
        let error = |answer: Vec<u8>| u32_at(&answer, 4).map(u32::cast_signed);
        assert_eq!(error(request(1, 1, b"nothing\0").answer(&settings)), Some(-ENOENT));
        assert_eq!(error(request(3, 99, &[0; 16]).answer(&settings)), Some(-ENOENT));
        assert_eq!(error(request(15, 1, &[]).answer(&settings)), Some(-ENOSYS));
        assert!(Request::parse(&[0; 39]).is_none());
    }

    #[test]
    fn a_directory_is_read_in_as_many_parts_as_it_takes() {
        let settings = Settings::default();
        let read = |offset: u64, room: u32| {
            let mut body = Out::default();
            body.u64(0).u64(offset).u32(room).u32(0);
            request(28, 1, &body.0).answer(&settings).split_off(16)
        };
        let whole = read(0, 4096);
        let dots = read(0, 64);
        assert_eq!(dots.len(), 64);
        assert_eq!([dots, read(2, 4096)].concat(), whole);
        assert!(read(4, 4096).is_empty());
    }
}
