//! Custom domains.

use super::{Attaching, Change};
use crate::resources::worker::error::WorkerError;

pub(super) fn changes(at: Attaching<'_>) -> Result<Vec<Change>, WorkerError> {
    let around = &at.reading.around;
    let mut changes = Vec::new();
    for hostname in at.spec.into_iter().flat_map(|spec| &spec.domains) {
        let mut domains = around.domains.iter().flatten();
        match domains.find(|domain| domain.hostname == *hostname) {
            Some(domain) if domain.service == at.script => {}
            Some(domain) if !at.is_of_this_stage(&domain.service) => {
                return Err(WorkerError::DomainTaken {
                    hostname: hostname.clone(),
                    script: domain.service.clone(),
                });
            }
            _ => changes.push(Change::PutDomain {
                hostname: hostname.clone(),
            }),
        }
    }
    for domain in around.domains_of(at.script) {
        let hostname = &domain.hostname;
        let stays = at.spec.is_some_and(|spec| spec.domains.contains(hostname))
            || at.wanted_elsewhere(|spec| spec.domains.contains(hostname));
        if !stays {
            changes.push(Change::DeleteDomain {
                id: domain.id.clone(),
            });
        }
    }
    Ok(changes)
}
