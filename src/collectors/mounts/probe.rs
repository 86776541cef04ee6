//! What a child does: it touches the mount and may hang there for ever, which is why it is a child.
//!
//! Everything here blocks. It only reads: nothing is created, written or removed.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::stat::{major, minor};

use super::question::{Answer, Files, Found, Question, RawPath, Space, What};

/// Directories looked into per count; more would make every round of a large archive expensive.
const MAX_DIRECTORIES: usize = 64;
/// Entries looked at per count: ten times the largest harvester known.
const MAX_ENTRIES: u64 = 200_000;
/// Plots lie in the mount's root, in `plots/`, or in `chia/plots/`.
const MAX_DEPTH: u32 = 2;
/// Different plots told apart among `.tmp` files.
const MAX_PLOTS_IN_PROGRESS: usize = 10_000;

/// Answers questions until the input ends. An error means that nobody reads the answers any more.
pub fn serve(questions: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for line in questions.split(b'\n') {
        let question: Question = serde_json::from_slice(&line?)?;
        let found = match question.what {
            What::Space => space(question.path.as_path()).map(Found::Space),
            What::Files { skip, budget_millis } => {
                files(question.path.as_path(), &skip, Duration::from_millis(budget_millis)).map(Found::Files)
            }
        };
        let found = found.unwrap_or_else(Found::Failed);
        serde_json::to_writer(&mut answers, &Answer { id: question.id, found })?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}

/// An error without a number is no error of the system; it reads as "other".
fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or_default()
}

fn space(path: &Path) -> Result<Space, i32> {
    let stat = nix::sys::statvfs::statvfs(path).map_err(|error| number(&error.into()))?;
    let fragment = match stat.fragment_size() {
        0 => stat.block_size(),
        size => size,
    };
    let bytes = |blocks: u64| blocks.checked_mul(fragment);
    let sized = stat.blocks() > 0;
    let inodes = stat.files() > 0;
    let device = fs::metadata(path).map_err(|error| number(&error))?.dev();
    let part = |number: u64| u32::try_from(number).ok();
    Ok(Space {
        size: sized.then(|| bytes(stat.blocks())).flatten(),
        avail: sized.then(|| bytes(stat.blocks_available())).flatten(),
        used: sized
            .then(|| bytes(stat.blocks().saturating_sub(stat.blocks_free())))
            .flatten(),
        inodes: inodes.then(|| stat.files()),
        inodes_free: inodes.then(|| stat.files_free()),
        device: part(major(device)).zip(part(minor(device))),
    })
}

/// Counts breadth first, so that what lies near the root is counted when a bound is reached.
fn files(root: &Path, skip: &[RawPath], budget: Duration) -> Result<Files, i32> {
    let started = Instant::now();
    let skip: HashSet<&Path> = skip.iter().map(RawPath::as_path).collect();
    let mut count = Files::default();
    let mut plots = HashSet::new();
    let mut entries = 0_u64;
    let mut directories = 1;
    let mut waiting: VecDeque<(PathBuf, u32)> = VecDeque::from([(root.to_owned(), 0)]);
    while let Some((directory, depth)) = waiting.pop_front() {
        let listed = match fs::read_dir(&directory) {
            Ok(listed) => listed,
            Err(error) if depth == 0 => return Err(number(&error)),
            Err(error) => {
                count.unseen |= hides(&directory, &error)?;
                continue;
            }
        };
        for entry in listed {
            let entry = entry.map_err(|error| number(&error))?;
            entries += 1;
            if entries > MAX_ENTRIES || started.elapsed() > budget {
                count.incomplete = true;
                return Ok(count);
            }
            let kind = entry.file_type().map_err(|error| number(&error))?;
            if kind.is_file() {
                look_at(&entry, &mut count, &mut plots)?;
            } else if kind.is_dir() && !skip.contains(entry.path().as_path()) {
                if depth == MAX_DEPTH {
                    count.unseen = true;
                } else if directories < MAX_DIRECTORIES {
                    directories += 1;
                    waiting.push_back((entry.path(), depth + 1));
                } else {
                    count.incomplete = true;
                }
            }
        }
    }
    count.temp_plots = u64::try_from(plots.len()).unwrap_or(u64::MAX);
    Ok(count)
}

/// A directory that does not open: whether something may lie in it that is not counted, or the mount's own error.
fn hides(directory: &Path, error: &io::Error) -> Result<bool, i32> {
    match error.kind() {
        // It has just gone.
        io::ErrorKind::NotFound => Ok(false),
        // Of root on every ext4, with what a check of the filesystem found.
        io::ErrorKind::PermissionDenied => Ok(directory.file_name() != Some(OsStr::new("lost+found"))),
        _ => Err(number(error)),
    }
}

/// Only plots are asked for their size: everything else is counted by its name.
fn look_at(entry: &fs::DirEntry, count: &mut Files, plots: &mut HashSet<Vec<u8>>) -> Result<(), i32> {
    count.files += 1;
    let name = entry.file_name();
    let ending = Path::new(&name).extension().map(OsStr::as_bytes);
    let is_temp = match ending {
        Some(b"plot" | b"plot2") => false,
        Some(b"tmp") => true,
        _ => return Ok(()),
    };
    let (size, written) = match entry.metadata() {
        Ok(metadata) => (metadata.len(), metadata.blocks().saturating_mul(512)),
        // Renamed or removed since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(number(&error)),
    };
    if is_temp {
        count.temp_files += 1;
        count.temp_bytes = count.temp_bytes.saturating_add(size);
        count.temp_written_bytes = count.temp_written_bytes.saturating_add(written);
        if plots.len() < MAX_PLOTS_IN_PROGRESS {
            plots.insert(plot_of(name.as_bytes()).to_vec());
        }
    } else {
        count.plot_files += 1;
        count.plot_bytes = count.plot_bytes.saturating_add(size);
    }
    Ok(())
}

/// `plot-k32-2024-05-01-12-00-<id>` of `plot-k32-2024-05-01-12-00-<id>.plot.p1.table1.tmp`.
fn plot_of(name: &[u8]) -> &[u8] {
    let end = name.windows(5).position(|part| part == b".plot").unwrap_or(name.len());
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn write(path: PathBuf, bytes: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![1; bytes]).unwrap();
    }

    #[test]
    fn a_filesystem_says_its_room_and_a_missing_path_its_error() {
        let root = space(Path::new("/")).unwrap();
        assert!(root.size.unwrap() >= root.avail.unwrap() && root.size.unwrap() > root.used.unwrap());
        assert_eq!(space(Path::new("/no/such/path")), Err(2));
        assert_eq!(space(Path::new("/proc")).unwrap().size, None);
    }

    #[test]
    fn plots_and_unfinished_plots_are_counted_two_levels_down() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        write(root.join("plot-k32-a.plot"), 100);
        write(root.join("chia/plots/plot-k32-b.plot2"), 10);
        write(root.join("chia/plots/too/deep/plot-k32-c.plot"), 1);
        write(root.join("plot-k32-d.plot.p1.table1.tmp"), 5000);
        write(root.join("plot-k32-d.plot.p1.table2.tmp"), 5000);
        write(root.join("other/plot-k32-e.plot.2.tmp"), 0);
        write(root.join("notes.txt"), 3);
        write(root.join("mounted/plot-k32-f.plot"), 100);
        symlink(root.join("plot-k32-a.plot"), root.join("link.plot")).unwrap();
        symlink("/", root.join("link-to-root")).unwrap();
        let found = files(root, &[root.join("mounted").into()], LONG).unwrap();
        assert_eq!(
            found,
            Files {
                files: 6,
                plot_files: 2,
                plot_bytes: 110,
                temp_files: 3,
                temp_bytes: 10_000,
                temp_written_bytes: found.temp_written_bytes,
                temp_plots: 2,
                incomplete: false,
                // `too/deep`
                unseen: true,
            }
        );
        assert!(found.temp_written_bytes >= 10_000);
    }

    #[test]
    fn a_count_says_whether_it_looked_everywhere() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        write(root.join("chia/plots/plot-k32-a.plot"), 1);
        write(root.join("mounted/a/b/c/plot-k32-b.plot"), 1);
        let skip = [root.join("mounted").into()];
        assert!(!files(root, &skip, LONG).unwrap().unseen);
        write(root.join("chia/plots/more/plot-k32-c.plot.tmp"), 1);
        let found = files(root, &skip, LONG).unwrap();
        assert_eq!((found.unseen, found.incomplete, found.temp_files), (true, false, 0));
        // Whoever runs these tests may read everything.
        let hidden = |name: &str, number| hides(&root.join(name), &io::Error::from_raw_os_error(number));
        assert_eq!(hidden("of-the-plotter", 13), Ok(true));
        assert_eq!(hidden("lost+found", 13), Ok(false));
        assert_eq!(hidden("gone", 2), Ok(false));
        assert_eq!(hidden("broken", 5), Err(5));
    }

    #[test]
    fn a_count_has_bounds_and_says_when_it_met_them() {
        let directory = tempfile::tempdir().unwrap();
        for n in 0..=MAX_DIRECTORIES {
            write(directory.path().join(format!("{n}/x.plot")), 1);
        }
        let found = files(directory.path(), &[], LONG).unwrap();
        assert!(found.incomplete && found.plot_files == 63, "{found:?}");
        assert!(files(directory.path(), &[], Duration::ZERO).unwrap().incomplete);
        assert_eq!(files(&directory.path().join("none"), &[], LONG), Err(2));
    }

    #[test]
    fn questions_are_answered_line_by_line_until_the_input_ends() {
        let question = |id, path: &str, what| {
            let path = PathBuf::from(path).into();
            serde_json::to_string(&Question { id, path, what }).unwrap() + "\n"
        };
        let text = question(1, "/", What::Space) + &question(2, "/no/such", What::Space);
        let mut answers = Vec::new();
        serve(text.as_bytes(), &mut answers).unwrap();
        let answers: Vec<Answer> = answers
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        assert!(matches!(
            answers[0],
            Answer {
                id: 1,
                found: Found::Space(_)
            }
        ));
        assert_eq!(
            answers[1],
            Answer {
                id: 2,
                found: Found::Failed(2)
            }
        );
        assert!(serve(&b"nonsense\n"[..], Vec::new()).is_err());
    }
}
