//! `farmwarden collect`: one round of one target to standard output, as the page would show it.

use std::process::ExitCode;

use clap::ValueEnum;

use super::source::{self, Refused, Source};
use super::{EXIT_USAGE, complain, near, runtime, terminal};
use crate::clock::Clock;
use crate::collectors::Sections;
use crate::exposition::Format;
use crate::once::{Once, Plan};

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden collect mounts host
      The mounts of this machine.
  farmwarden collect phala http://10.0.0.11:9944
      A node that is in no file.
  farmwarden collect phala node-1 --config.file /etc/farmwarden.yml
      A target of the file.

Exit code: 0 every part answered, 1 a part failed (standard error says which),
2 wrong arguments or configuration.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The kind of target: a key under `collectors` in the configuration.
    kind: String,
    /// A target of the configuration by name, or an address; for mounts `host`, this machine.
    target: String,
    /// How samples are written.
    #[arg(long, value_enum, default_value_t = Written::Text)]
    format: Written,
    #[command(flatten)]
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Written {
    /// Prometheus text 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.0.
    #[value(name = "openmetrics")]
    OpenMetrics,
}

pub(super) fn run(args: &Args) -> ExitCode {
    runtime(async {
        let tools = source::tools()?;
        let sections = match sections(args) {
            Ok(sections) => sections,
            Err(words) => {
                complain(&words);
                return Ok(ExitCode::from(EXIT_USAGE));
            }
        };
        let mut once = Once::new(tools, Clock::system(), Plan::default());
        sections.visit(&mut once);
        let looked = once.look().await;
        let format = match args.format {
            Written::Text => Format::Text,
            Written::OpenMetrics => Format::OpenMetrics,
        };
        if let Err(code) = terminal::print(&looked.page(format)) {
            return Ok(code);
        }
        let parts = looked.targets.iter().flat_map(|target| &target.parts);
        let faults: Vec<_> = looked
            .faults
            .iter()
            .chain(parts.filter_map(|part| part.fault()))
            .collect();
        for fault in &faults {
            complain(&fault.to_string());
        }
        Ok(if faults.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

/// A name of the configuration goes before an address.
fn sections(args: &Args) -> Result<Sections, Refused> {
    let kind = args.kind.as_str();
    let configured = args.source.configured()?;
    let names: Vec<_> = configured.iter().flat_map(Sections::names).collect();
    let is_meant = |of: &str, name: &str| of == kind && name == args.target;
    if let Some(mut sections) = configured
        && names.iter().any(|(of, name)| is_meant(of, name.as_str()))
    {
        sections.retain(|of, name| is_meant(of, name.as_str()));
        return Ok(sections);
    }
    let ad_hoc = Sections::ad_hoc(kind, &args.target, &args.source.here())
        .ok_or_else(|| near::unknown("kind", kind, Sections::KINDS.iter().copied(), "of target"))?;
    ad_hoc.map_err(|words| {
        let known = names
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, name)| name.as_str());
        let place = format!("of {kind} in {}", args.source.words());
        format!(
            "{}\nnor is it an address: {words}",
            near::unknown("target", &args.target, known, &place)
        )
    })
}
