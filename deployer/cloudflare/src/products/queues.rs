//! Queues and their consumers.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};
use crate::transport::envelope::null_is_default;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Queue {
    pub queue_id: String,
    pub queue_name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub consumers: Vec<QueueConsumer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "ConsumerAnswer")]
pub struct QueueConsumer {
    pub consumer_id: String,
    /// Of a consumer that is a worker.
    pub script_name: Option<String>,
    /// `worker` or `http_pull`.
    pub kind: Option<String>,
    pub dead_letter_queue: Option<String>,
    pub settings: ConsumerSettings,
}

#[derive(Deserialize)]
struct ConsumerAnswer {
    consumer_id: String,
    /// Some answers say `script`, some `script_name`, some both.
    script_name: Option<String>,
    script: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    dead_letter_queue: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    settings: ConsumerSettings,
}

impl From<ConsumerAnswer> for QueueConsumer {
    fn from(answer: ConsumerAnswer) -> Self {
        Self {
            consumer_id: answer.consumer_id,
            script_name: answer.script_name.or(answer.script),
            kind: answer.kind,
            dead_letter_queue: answer.dead_letter_queue,
            settings: answer.settings,
        }
    }
}

/// How messages reach a consumer. What is not given is Cloudflare's to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_wait_time_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
}

/// A worker to consume a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsumer {
    pub script_name: String,
    pub settings: ConsumerSettings,
    /// The name of the queue that gets what failed too often.
    pub dead_letter_queue: Option<String>,
}

#[derive(Serialize)]
struct WorkerConsumer<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    script_name: &'a str,
    settings: &'a ConsumerSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_queue: Option<&'a str>,
}

impl NewConsumer {
    fn on_the_wire(&self) -> WorkerConsumer<'_> {
        WorkerConsumer {
            kind: "worker",
            script_name: &self.script_name,
            settings: &self.settings,
            dead_letter_queue: self.dead_letter_queue.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct NewQueue<'a> {
    queue_name: &'a str,
}

impl Account {
    fn queue(&self, call: Call, segments: &[&str]) -> Call {
        call.at(&["accounts", self.id(), "queues"]).at(segments)
    }

    /// With their consumers.
    pub async fn queues(&self) -> Result<Vec<Queue>, CloudflareError> {
        let call = self.queue(Call::get(Product::Queues, "list queues"), &[]);
        self.transport.pages(call, None, None).await
    }

    pub async fn queue_named(&self, name: &str) -> Result<Option<Queue>, CloudflareError> {
        let call = Call::get(Product::Queues, format!("look for queue `{name}`"));
        let call = self.queue(call, &[]).query("name", name);
        let found: Vec<Queue> = self.transport.pages(call, None, None).await?;
        Ok(found.into_iter().find(|queue| queue.queue_name == name))
    }

    pub async fn create_queue(&self, name: &str) -> Result<Queue, CloudflareError> {
        let call = Call::post(Product::Queues, format!("create queue `{name}`"));
        let call = self.queue(call, &[]).json(&NewQueue { queue_name: name });
        self.transport.result(call).await
    }

    /// With the messages in it; its consumers go first. `false`: it was not there.
    pub async fn delete_queue(&self, id: &str) -> Result<bool, CloudflareError> {
        let call = Call::delete(Product::Queues, format!("delete queue `{id}`"));
        self.transport.delete(self.queue(call, &[id])).await
    }

    pub async fn queue_consumers(&self, id: &str) -> Result<Vec<QueueConsumer>, CloudflareError> {
        let call = Call::get(Product::Queues, format!("list consumers of queue `{id}`"));
        self.transport
            .list(self.queue(call, &[id, "consumers"]), None)
            .await
    }

    pub async fn create_queue_consumer(
        &self,
        id: &str,
        consumer: &NewConsumer,
    ) -> Result<QueueConsumer, CloudflareError> {
        let script = &consumer.script_name;
        let operation = format!("make worker `{script}` a consumer of queue `{id}`");
        let call = self.queue(Call::post(Product::Queues, operation), &[id, "consumers"]);
        self.transport
            .result(call.json(&consumer.on_the_wire()))
            .await
    }

    pub async fn update_queue_consumer(
        &self,
        id: &str,
        consumer_id: &str,
        consumer: &NewConsumer,
    ) -> Result<QueueConsumer, CloudflareError> {
        let script = &consumer.script_name;
        let operation = format!("change the consumer `{script}` of queue `{id}`");
        let call = Call::put(Product::Queues, operation);
        let call = self.queue(call, &[id, "consumers", consumer_id]);
        self.transport
            .result(call.json(&consumer.on_the_wire()))
            .await
    }

    /// `false`: it was not there.
    pub async fn delete_queue_consumer(
        &self,
        id: &str,
        consumer_id: &str,
    ) -> Result<bool, CloudflareError> {
        let call = Call::delete(
            Product::Queues,
            format!("remove a consumer of queue `{id}`"),
        );
        self.transport
            .delete(self.queue(call, &[id, "consumers", consumer_id]))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_says_its_worker_in_either_way_or_in_both() {
        for answer in [
            r#"{"consumer_id":"c","script":"web"}"#,
            r#"{"consumer_id":"c","script_name":"web"}"#,
            r#"{"consumer_id":"c","script":"web","script_name":"web","settings":null}"#,
        ] {
            let consumer: QueueConsumer = serde_json::from_str(answer).unwrap();
            assert_eq!(consumer.script_name.as_deref(), Some("web"));
        }
    }
}
