//! Who listens on a port, as far as `/proc` tells.

use std::fs;
use std::path::Path;

use crate::error::Holder;

/// The longest command that is shown whole.
const LONGEST_COMMAND: usize = 80;

/// The process that listens on `port` (any address), when it may be known.
pub(crate) fn holder_of(port: u16) -> Option<Holder> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    fs::read_dir("/proc")
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| holds(*pid, &sockets))
        .map(|pid| Holder {
            pid,
            command: command_of(pid),
        })
}

/// The inodes of the sockets that listen on `port`, from a table of `/proc/net`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?;
            let (_, local_port) = local.rsplit_once(':')?;
            (state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port))
                .then(|| inode.to_owned())
        })
        .collect()
}

fn holds(pid: u32, sockets: &[String]) -> bool {
    // A process of another user does not show its files.
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files
        .filter_map(Result::ok)
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| sockets.iter().any(|socket| target == Path::new(socket)))
}

fn command_of(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    let mut words = line.split('\0').filter(|word| !word.is_empty());
    let Some(program) = words.next() else {
        // Kernel threads and zombies have no command line.
        return fs::read_to_string(format!("/proc/{pid}/comm"))
            .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned());
    };
    let mut command = program.rsplit('/').next().unwrap_or(program).to_owned();
    for word in words {
        command.push(' ');
        command.push_str(word);
    }
    if let Some((end, _)) = command.char_indices().nth(LONGEST_COMMAND) {
        command.truncate(end);
        command.push('…');
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:053A 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41210 1 0 100 0 0 10 0
   1: 0100007F:053A 0100007F:D2A4 01 00000000:00000000 00:00000000 00000000  1000        0 41999 1 0 20 4 30 10 -1
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 55555 1 0 100 0 0 10 0
";

    #[test]
    fn only_the_listening_socket_of_the_port_counts() {
        assert_eq!(listening_inodes(TABLE, 1338), ["41210"]);
        assert_eq!(listening_inodes(TABLE, 9), Vec::<String>::new());
    }

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = holder_of(listener.local_addr().unwrap().port()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.command.contains("tiny_listen"), "{}", holder.command);
    }
}
