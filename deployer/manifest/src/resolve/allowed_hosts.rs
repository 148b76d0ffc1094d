//! `[dev] allowed_hosts`.

use crate::format::DevTable;
use crate::reader::{At, Either};
use crate::report::Report;
use crate::{AllowedHosts, HostPattern};

pub(super) fn resolve(table: &DevTable, report: &mut Report) -> AllowedHosts {
    match &table.allowed_hosts {
        None | Some(Either::Short(false)) => AllowedHosts::default(),
        Some(Either::Short(true)) => AllowedHosts::All,
        Some(Either::Long(hosts)) => AllowedHosts::Listed(
            hosts
                .iter()
                .filter_map(|host| pattern(host, report))
                .collect(),
        ),
    }
}

fn pattern(host: &At<String>, report: &mut Report) -> Option<HostPattern> {
    let pattern = HostPattern::parse(&host.value);
    if pattern.is_none() {
        let message = format!("`{}` is not a host name", host.value);
        report.problem(host.span, message, "not a host name", help(&host.value));
    }
    pattern
}

fn help(written: &str) -> String {
    if written == "*" {
        return "write `allowed_hosts = true` to answer every host".to_owned();
    }
    let host = written.split_once("://").map_or(written, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    if host != written && HostPattern::parse(host).is_some() {
        return format!("write the host alone: `{host}`");
    }
    "a name such as `dev.example.com`, `.example.com` for a domain with its subdomains, or \
     `*.example.com` for its subdomains alone"
        .to_owned()
}
