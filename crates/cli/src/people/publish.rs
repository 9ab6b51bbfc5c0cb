//! `firth pub`: publishes messages on a channel.

use std::io::{BufRead as _, stdin};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use super::link::Link;
use super::output::Line;

/// Publishes messages on a channel
#[derive(Debug, Args)]
pub(crate) struct PubArgs {
    /// The channel
    channel: String,
    /// The messages; without any, each line of standard input is one
    messages: Vec<String>,
    #[command(flatten)]
    link: Link,
}

/// What came of a message.
#[derive(Debug, Serialize)]
struct Published {
    channel: Arc<str>,
    receivers: u64,
}

impl Line for Published {
    fn text(&self) -> String {
        format!("received by {}", self.receivers)
    }
}

impl PubArgs {
    /// Runs `firth pub`.
    pub(crate) fn run(self) -> Result<()> {
        let PubArgs { channel, messages, link } = self;
        let channel: Arc<str> = channel.into();
        link.run(async |broker, output| {
            let mut publish = async |message: String| {
                let receivers =
                    broker.backend().publish(Arc::clone(&channel), message.into()).await?;
                output.line(&Published { channel: Arc::clone(&channel), receivers })
            };
            if messages.is_empty() {
                for line in stdin().lock().lines() {
                    publish(line.context("standard input")?).await?;
                }
            }
            for message in messages {
                publish(message).await?;
            }
            Ok(())
        })
    }
}
