//! `firth backup`: has a running server make a backup, and waits until it is whole.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use firth_resp::{ReplyDecoder, Value, encode_request};

/// Has a running server make a backup: a folder that opens as a data folder
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The name of the backup, a folder in the server's `backup-dir`
    name: String,
    /// Where the server listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:6379")]
    address: String,
    /// The server's password
    #[arg(long, env = "FIRTH_REQUIREPASS", hide_env_values = true, default_value = "")]
    password: String,
}

/// How long to wait until the server is asked again how far it is.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long the server may take for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Runs `firth backup`.
#[expect(clippy::print_stdout, reason = "where the backup lies is for whoever started the program")]
pub(crate) fn run(args: &BackupArgs) -> Result<()> {
    let mut server = Connection::open(&args.address)?;
    if !args.password.is_empty() {
        server.call(&["AUTH", &args.password])?;
    }
    server.call(&["FIRTH.BACKUP", &args.name])?;
    loop {
        let info = server.call(&["INFO", "persistence"])?;
        let field = |name: &str| {
            let mut values =
                info.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            values.next_back().unwrap_or_default().trim().to_owned()
        };
        if field("backup_in_progress") == "1" {
            thread::sleep(ASK_EVERY);
            continue;
        }
        match &*field("backup_last_status") {
            "ok" => println!("{}", field("backup_last_path")),
            status => bail!("{status}"),
        }
        return Ok(());
    }
}

/// A connection that waits for each reply.
struct Connection {
    stream: TcpStream,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address);
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        Ok(Connection { stream })
    }

    /// Sends a request and returns the text of its reply; an error reply is an error.
    fn call(&mut self, words: &[&str]) -> Result<String> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut bytes = Vec::new();
        encode_request(&mut bytes, &words);
        self.stream.write_all(&bytes)?;
        bytes.clear();
        let mut decoder = ReplyDecoder::new();
        let mut chunk = [0; 4096];
        loop {
            let read = self.stream.read(&mut chunk).context("waiting for the server's answer")?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
            if let Some((value, _)) = decoder.decode(&bytes)? {
                return text_of(&value);
            }
        }
    }
}

fn text_of(value: &Value) -> Result<String> {
    if let Some(error) = value.as_error() {
        bail!("{}", String::from_utf8_lossy(error));
    }
    Ok(String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned())
}
