//! CONFIG REWRITE: writes the settings as they are now into the configuration file.

use std::sync::Arc;

use firth_engine::{Disk, FileDisk};
use firth_resp::Request;

use super::FLAGS;
use crate::config::{Config, ConfigFile};
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::settings::file;
use crate::spec::{Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "config|rewrite",
    summary: "Writes the settings as they are now into the configuration file.",
    since: "2.8.0",
    group: Group::Server,
    arity: 2,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

const NO_FILE: ReplyError = ReplyError::fixed("ERR The server is running without a config file");

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    cx.server.reconfigure::<ReplyError>(|config| {
        let file = config.file.clone().ok_or(NO_FILE)?;
        rewrite(&FileDisk, &file, config).map_err(|error| {
            tracing::error!(path = %file.path.display(), %error, "CONFIG REWRITE failed");
            ReplyError::new(format!("ERR Rewriting config file: {error}"))
        })?;
        let says = Config { file: None, ..config.clone() };
        config.file = Some(Arc::new(ConfigFile { path: file.path.clone(), says }));
        Ok(())
    })?;
    cx.reply().ok();
    Ok(())
}

fn rewrite(disk: &dyn Disk, old: &ConfigFile, config: &Config) -> std::io::Result<()> {
    let text = String::from_utf8_lossy(&disk.read(&old.path)?).into_owned();
    disk.replace(&old.path, file::rewrite(&text, config, &old.says).as_bytes())
}
