//! What processes hold, read from `/proc`.

use std::collections::BTreeSet;
use std::fs;

/// Memory in MB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident: pages shared with others count in full.
    pub rss: f64,
    /// Proportional: pages shared with others count in part.
    pub pss: f64,
}

impl std::iter::Sum for Memory {
    fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
        each.fold(Self::default(), |sum, one| Self {
            rss: sum.rss + one.rss,
            pss: sum.pss + one.pss,
        })
    }
}

pub fn memory(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let mb = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kb = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kb.unwrap_or_default() / 1024.0
    };
    Memory {
        rss: mb("Rss:"),
        pss: mb("Pss:"),
    }
}

/// Processor time that a process used so far, in ms.
pub fn cpu(pid: u32) -> f64 {
    // `man 5 proc`: user and system time are the 14th and 15th field, in hundredths of a second.
    let ticks = |nth| field(pid, nth).and_then(|ticks| ticks.parse::<f64>().ok());
    (ticks(14).unwrap_or_default() + ticks(15).unwrap_or_default()) * 10.0
}

/// A field of `/proc/PID/stat`, counted from 1 as in its manual.
fn field(pid: u32, nth: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second one, a name in brackets, may hold anything.
    let rest = stat.rsplit_once(')')?.1;
    rest.split_whitespace().nth(nth - 3).map(str::to_owned)
}

/// A process and all that it started.
pub fn family(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(pid)?))
        })
        .collect();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&member) = family.get(next) {
        family.extend(
            parents
                .iter()
                .filter(|(_, parent)| *parent == member)
                .map(|(pid, _)| pid),
        );
        next += 1;
    }
    family
}

fn parent(pid: u32) -> Option<u32> {
    field(pid, 4)?.parse().ok()
}

/// The workerd among what a process started.
pub fn workerd_of(pid: u32) -> u32 {
    let named_workerd = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "workerd")
    };
    family(pid)
        .into_iter()
        .find(named_workerd)
        .expect("no workerd runs")
}

/// The TCP ports of this machine that a process listens on.
pub fn ports_of(pid: u32) -> Vec<u16> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let sockets: BTreeSet<String> = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (address, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            let listens = *state == "0A" && sockets.contains(*inode);
            let port = address.rsplit_once(':')?.1;
            listens.then(|| u16::from_str_radix(port, 16).ok())?
        })
        .collect()
}
