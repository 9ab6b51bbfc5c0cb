//! `firth append`: adds an entry to a stream.

use anyhow::Result;
use clap::Args;
use firth::EntryId;
use firth::backend::Fields;
use serde::Serialize;

use super::entry::Field;
use super::link::Link;
use super::output::Line;

/// Adds an entry to a stream, and prints its id
#[derive(Debug, Args)]
pub(crate) struct AppendArgs {
    /// The stream, which is made if it is not there
    stream: String,
    /// The fields
    #[arg(required = true, value_name = "NAME=VALUE")]
    fields: Vec<Field>,
    /// The id of the entry, instead of the next one
    #[arg(long)]
    id: Option<EntryId>,
    #[command(flatten)]
    link: Link,
}

/// The entry that was added.
#[derive(Debug, Serialize)]
struct Appended {
    stream: String,
    id: EntryId,
}

impl Line for Appended {
    fn text(&self) -> String {
        self.id.to_string()
    }
}

impl AppendArgs {
    /// Runs `firth append`.
    pub(crate) fn run(self) -> Result<()> {
        let AppendArgs { stream, fields, id, link } = self;
        let mut content = Fields::new();
        for Field { name, value } in fields {
            content.push(name, value);
        }
        link.run(async |broker, output| {
            let appending = broker.raw_stream(&*stream);
            let mut append = appending.append(&content);
            if let Some(id) = id {
                append = append.id(id);
            }
            let id = append.await?;
            output.line(&Appended { stream: stream.clone(), id })
        })
    }
}
