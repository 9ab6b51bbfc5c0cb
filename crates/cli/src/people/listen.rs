//! `firth sub`: prints what is published.

use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use firth::backend::{Gap, GapReason, Inbox, Message, QueueLimits, Received, Topic};
use futures_util::StreamExt as _;
use serde::Serialize;

use super::link::Link;
use super::output::Line;

/// Prints what is published on channels
#[derive(Debug, Args)]
pub(crate) struct SubArgs {
    /// The channels
    #[arg(required_unless_present = "pattern")]
    channels: Vec<String>,
    /// All channels that match a pattern, such as 'orders.*'; may be given several times
    #[arg(short, long, value_name = "PATTERN")]
    pattern: Vec<String>,
    /// Ends after so many messages
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    link: Link,
}

/// A message, or word of what may have been missed.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Heard {
    Message {
        channel: Arc<str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pattern: Option<Arc<str>>,
        message: String,
    },
    Gap {
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        missed: Option<u64>,
    },
}

impl Line for Heard {
    fn text(&self) -> String {
        match self {
            Heard::Message { channel, message, .. } => format!("{channel} {message}"),
            Heard::Gap { reason, missed: Some(missed) } => {
                format!("({missed} messages were missed: {reason})")
            }
            Heard::Gap { reason, missed: None } => {
                format!("(messages may have been missed: {reason})")
            }
        }
    }
}

impl From<Message> for Heard {
    fn from(message: Message) -> Self {
        let Message { channel, pattern, payload } = message;
        Heard::Message { channel, pattern, message: String::from_utf8_lossy(&payload).into_owned() }
    }
}

impl From<Gap> for Heard {
    fn from(gap: Gap) -> Self {
        let reason = match gap.reason {
            GapReason::Reconnected => "the connection was lost for a while",
            GapReason::Overflow => "they came faster than they could be printed",
            _ => "unknown",
        };
        Heard::Gap { reason, missed: gap.missed }
    }
}

impl SubArgs {
    /// Runs `firth sub`.
    pub(crate) fn run(self) -> Result<()> {
        let channels = self.channels.into_iter().map(|name| Topic::Channel(name.into()));
        let patterns = self.pattern.into_iter().map(|pattern| Topic::Pattern(pattern.into()));
        let topics = channels.chain(patterns).collect();
        let mut left = self.count.unwrap_or(u64::MAX);
        self.link.run(async |broker, output| {
            let inbox = Inbox::new(QueueLimits { messages: 65_536, ..QueueLimits::default() });
            let mut subscription = broker.backend().subscribe(topics, inbox).await?;
            while left > 0 {
                let Some(received) = subscription.next().await else {
                    bail!("the subscription has ended");
                };
                match received {
                    Received::Message(message) => {
                        left -= 1;
                        output.line(&Heard::from(message))?;
                    }
                    Received::Gap(gap) => output.line(&Heard::from(gap))?,
                    _ => {}
                }
            }
            Ok(())
        })
    }
}
