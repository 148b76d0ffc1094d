//! One call that attaches or detaches something.

use tiny_cloudflare::{Account, NewConsumer, Schedule, ScriptSubdomain};

use crate::resources::worker::error::WorkerError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Change {
    Subdomain(ScriptSubdomain),
    Crons(Vec<Schedule>),
    CreateRoute {
        zone_id: String,
        pattern: String,
    },
    /// From another worker of the stage.
    MoveRoute {
        zone_id: String,
        route_id: String,
        pattern: String,
    },
    DeleteRoute {
        zone_id: String,
        route_id: String,
    },
    PutDomain {
        hostname: String,
    },
    DeleteDomain {
        id: String,
    },
    CreateConsumer {
        /// None as long as the queue is to be made.
        queue_id: Option<String>,
        queue: String,
        consumer: NewConsumer,
    },
    UpdateConsumer {
        queue_id: String,
        consumer_id: String,
        consumer: NewConsumer,
    },
    DeleteConsumer {
        queue_id: String,
        consumer_id: String,
    },
}

impl Change {
    pub(super) async fn make(&self, cloud: &Account, script: &str) -> Result<(), WorkerError> {
        match self {
            Self::Subdomain(subdomain) => cloud.set_script_subdomain(script, *subdomain).await?,
            Self::Crons(schedules) => cloud.put_schedules(script, schedules).await?,
            Self::CreateRoute { zone_id, pattern } => {
                create_route(cloud, zone_id, pattern, script).await?;
            }
            Self::MoveRoute {
                zone_id,
                route_id,
                pattern,
            } => {
                cloud
                    .update_route(zone_id, route_id, pattern, script)
                    .await?;
            }
            Self::DeleteRoute { zone_id, route_id } => {
                cloud.delete_route(zone_id, route_id).await?;
            }
            Self::PutDomain { hostname } => {
                cloud.put_domain(hostname, script, None).await?;
            }
            Self::DeleteDomain { id } => {
                cloud.delete_domain(id).await?;
            }
            Self::CreateConsumer {
                queue_id,
                queue,
                consumer,
            } => {
                let queue_id = queue_id.as_ref().ok_or_else(|| WorkerError::Unresolved {
                    worker: script.to_owned(),
                    what: format!("queue.{queue}"),
                })?;
                create_consumer(cloud, queue_id, consumer).await?;
            }
            Self::UpdateConsumer {
                queue_id,
                consumer_id,
                consumer,
            } => {
                cloud
                    .update_queue_consumer(queue_id, consumer_id, consumer)
                    .await?;
            }
            Self::DeleteConsumer {
                queue_id,
                consumer_id,
            } => {
                cloud.delete_queue_consumer(queue_id, consumer_id).await?;
            }
        }
        Ok(())
    }
}

/// A lost answer is resolved by looking: a pattern is unique in its zone.
async fn create_route(
    cloud: &Account,
    zone_id: &str,
    pattern: &str,
    script: &str,
) -> Result<(), WorkerError> {
    let lost = match cloud.create_route(zone_id, pattern, script).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_unclear() => error,
        Err(error) => return Err(error.into()),
    };
    let routes = cloud.routes(zone_id).await?;
    let there = routes.iter().find(|route| route.pattern == pattern);
    match there {
        Some(route) if route.script.as_deref() == Some(script) => Ok(()),
        Some(_) => Err(lost.into()),
        None => {
            cloud.create_route(zone_id, pattern, script).await?;
            Ok(())
        }
    }
}

/// A lost answer is resolved by looking: a queue has one consumer.
async fn create_consumer(
    cloud: &Account,
    queue_id: &str,
    consumer: &NewConsumer,
) -> Result<(), WorkerError> {
    let lost = match cloud.create_queue_consumer(queue_id, consumer).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_unclear() => error,
        Err(error) => return Err(error.into()),
    };
    let there = cloud.queue_consumers(queue_id).await?;
    match there.first() {
        Some(found) if found.script_name.as_deref() == Some(consumer.script_name.as_str()) => {
            Ok(())
        }
        Some(_) => Err(lost.into()),
        None => {
            cloud.create_queue_consumer(queue_id, consumer).await?;
            Ok(())
        }
    }
}
