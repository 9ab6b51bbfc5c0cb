//! How a verb reaches its broker, and how it is to print.

use anyhow::{Context as _, Result};
use clap::Args;
use firth::Broker;
use tokio::runtime::Builder;

use super::output::{Form, Output};

/// Where the broker is, and how to print.
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// The broker: redis://[user:password@]host:port[/db], unix:///path, redis+cluster://a,b, redis+sentinel://a,b/service,
    /// rediss://..., or file:FOLDER of a server that does not run
    #[arg(
        long,
        value_name = "URL",
        env = "FIRTH_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379",
        hide_default_value = true
    )]
    url: String,
    /// Prints JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Link {
    /// Connects, and does some work.
    pub(crate) fn run(
        &self,
        work: impl AsyncFnOnce(&Broker, &mut Output) -> Result<()>,
    ) -> Result<()> {
        let form = if self.json { Form::Json } else { Form::Text };
        let runtime = Builder::new_current_thread().enable_all().build().context("a runtime")?;
        runtime.block_on(async {
            let broker = Broker::connect(&self.url).await?;
            let mut output = Output::new(form);
            let done = work(&broker, &mut output).await;
            broker.close().await;
            done
        })
    }
}
