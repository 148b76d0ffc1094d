//! What a run asked the local Cloudflare, out of its journal.

use std::time::{Duration, Instant};

use crate::support::{Cloud, Request};

/// As far away as Cloudflare often is.
pub const LATENCY_MS: u32 = 80;

pub async fn cloud(name: &str) -> Cloud {
    let latency = LATENCY_MS.to_string();
    Cloud::start_with(name, &["--latency-ms", &latency, "--no-rate-limit"]).await
}

/// What one run cost.
pub struct Cost {
    pub requests: usize,
    pub uploads: usize,
    /// Requests that waited for one another: those that overlap are one round trip.
    pub trips: usize,
    pub wall: Duration,
}

/// Runs something, and reads what it asked.
pub async fn cost<F: Future<Output = ()>>(cloud: &Cloud, run: F) -> Cost {
    let before = cloud.journal().len();
    let started = Instant::now();
    run.await;
    let wall = started.elapsed();
    let journal = cloud.journal().split_off(before);
    Cost {
        requests: journal.len(),
        uploads: journal.iter().filter(|request| uploads(request)).count(),
        trips: trips(&journal),
        wall,
    }
}

fn uploads(request: &Request) -> bool {
    let path = request.path.split('?').next().unwrap();
    let last_two: Vec<_> = path.rsplit('/').take(2).collect();
    (request.method == "PUT" && last_two[1] == "scripts")
        || (request.method == "POST" && last_two[0] == "versions")
}

/// The longest row of requests of which each began after the one before had ended.
fn trips(journal: &[Request]) -> usize {
    let mut spans: Vec<_> = journal
        .iter()
        .map(|request| (request.at_ms + request.ms, request.at_ms))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut trips, mut over) = (0, f64::NEG_INFINITY);
    for (end, start) in spans {
        if start >= over {
            trips += 1;
            over = end;
        }
    }
    trips
}
