//! `cargo xtask crash`: the power is cut at every system call, or really.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use ha_crash::{FileSystem, Plan, Plant, PowerPlan, lives, may_cut_power, power_cuts};

use crate::figures::Figures;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the plane lives and loses power.
    #[arg(long, default_value_t = 24)]
    lives: u64,
    /// Images looked at after each system call, at most.
    #[arg(long, default_value_t = 64)]
    images: u64,
    /// From which everything that is drawn is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Nothing is begun after so many seconds.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Plants a bug, which is to be found: file-sync, folder-sync, parts-last or manifest-not-durable.
    #[arg(long)]
    plant: Option<Plant>,
    /// Plants each bug, and fails if one is not found.
    #[arg(long, conflicts_with = "plant")]
    plants: bool,
    /// A real process on a real file system that is shut down without flushing its journal. Needs root.
    #[arg(long, conflicts_with_all = ["plant", "plants"])]
    power_cut: bool,
    /// Which file system that is: ext4 or xfs.
    #[arg(long, default_value = "ext4", requires = "power_cut")]
    file_system: FileSystem,
    /// How often that is done.
    #[arg(long, default_value_t = 100, requires = "power_cut")]
    cycles: u64,
    /// Plants a bug, which is to be found: fsync does nothing. Needs strace.
    #[arg(long, requires = "power_cut")]
    no_fsync: bool,
    /// It is in a mount namespace of its own already.
    #[arg(long, hide = true, requires = "power_cut")]
    alone: bool,
    /// The process whose power is cut: a directory, and the node's name.
    #[arg(long, hide = true, num_args = 2)]
    write: Option<Vec<PathBuf>>,
}

/// Runs it.
///
/// # Errors
/// If nothing could be judged.
pub(crate) fn run(args: &Args) -> Result<Figures, String> {
    if let Some([directory, node]) = args.write.as_deref() {
        ha_crash::write(directory, &node.to_string_lossy()).map_err(|e| chain(&*e))?;
        return Ok(Figures::default());
    }
    if args.power_cut && !args.alone {
        return alone();
    }
    if args.power_cut {
        return cut_power(args);
    }
    Ok(if args.plants { plants(args) } else { cuts(args) })
}

/// The same again in a mount namespace of its own: whoever makes a copy of this one meanwhile would keep a file system alive that is to be
/// mounted anew.
fn alone() -> Result<Figures, String> {
    may_cut_power()?;
    let program = std::env::current_exe().map_err(|e| format!("this program is not to be found: {e}"))?;
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .arg("--alone")
        .status()
        .map_err(|e| format!("`unshare` cannot be run: {e}"))?;
    // It has printed its figures.
    std::process::exit(status.code().unwrap_or(2))
}

fn plan(args: &Args) -> Plan {
    Plan {
        seed: args.seed,
        lives: args.lives,
        images: args.images,
        plant: args.plant.unwrap_or_default(),
        within: Duration::from_secs(args.seconds),
        ..Plan::default()
    }
}

fn cuts(args: &Args) -> Figures {
    let began = Instant::now();
    let did = lives(&plan(args), |f| {
        eprintln!(
            "life {}: {} cuts, {} images, {} of them judged, {} writes acknowledged",
            f.lives, f.cuts, f.images, f.judged, f.acked
        );
    });
    if let Some(violation) = &did.violation {
        eprintln!("{}", violation.what);
    }
    Figures::default()
        .with("seed", args.seed)
        .with("lives", did.lives)
        .with("cuts", did.cuts)
        .with("images", did.images)
        .with("judged", did.judged)
        .with("complete", did.complete)
        .with("acked", did.acked)
        .with("snapshots", did.snapshots)
        .with("collections", did.collections)
        .with("seconds", format_args!("{:.1}", began.elapsed().as_secs_f64()))
        .violations(u64::from(did.violation.is_some()))
}

fn plants(args: &Args) -> Figures {
    let (began, mut found) = (Instant::now(), 0);
    for (name, plant) in Plant::ALL {
        let planted = Plan { plant, ..plan(args) };
        let did = lives(&planted, |_| {});
        match &did.violation {
            Some(violation) => {
                found += 1;
                eprintln!(
                    "{name}: found after {} cuts and {} images: {}",
                    did.cuts, did.images, violation.what
                );
            }
            None => eprintln!("{name}: NOT found in {} images", did.images),
        }
    }
    let all = Plant::ALL.len() as u64;
    Figures::default()
        .with("plants", all)
        .with("found", found)
        .with("seconds", format_args!("{:.1}", began.elapsed().as_secs_f64()))
        .violations(all - found)
}

fn cut_power(args: &Args) -> Result<Figures, String> {
    let began = Instant::now();
    let program = std::env::current_exe().map_err(|e| format!("this program is not to be found: {e}"))?;
    let mut writer = vec![program.to_string_lossy().into_owned()];
    if args.no_fsync {
        let lie = "strace -f -qq -o /dev/null -e inject=fsync,fdatasync,syncfs:retval=0";
        writer.splice(..0, lie.split(' ').map(str::to_owned));
    }
    writer.extend(["crash".to_owned(), "--write".to_owned()]);
    let plan = PowerPlan {
        file_system: args.file_system,
        cycles: args.cycles,
        seed: args.seed,
        writer,
    };
    let did = power_cuts(&plan, |f| {
        if f.cycles % 10 == 0 {
            eprintln!("{} power cuts, {} writes acknowledged", f.cycles, f.acked);
        }
    })?;
    if let Some(violation) = &did.violation {
        eprintln!("power cut {}: {}", violation.at.0, violation.what);
    }
    Ok(Figures::default()
        .with("file_system", args.file_system.name())
        .with("power_cuts", did.cycles)
        .with("acked", did.acked)
        .with("unacknowledged_and_there", did.unknown)
        .with("acked_after_the_cut", did.too_late)
        .with("seconds", format_args!("{:.1}", began.elapsed().as_secs_f64()))
        .violations(u64::from(did.violation.is_some())))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}
