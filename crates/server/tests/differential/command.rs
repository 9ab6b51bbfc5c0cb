//! Commands as argument lists, steps of a script, and how both are written for people.

use std::fmt;

/// One command with its arguments, all of them raw bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Command(pub(crate) Vec<Vec<u8>>);

/// A command and the number of the connection that sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) connection: usize,
    pub(crate) command: Command,
}

/// What one seed produced: every step in order.
pub(crate) type Script = Vec<Step>;

impl Step {
    /// A step of connection 0 from words, as [`Command::parse`] reads them.
    pub(crate) fn parse(line: &str) -> Self {
        Self::on(0, line)
    }

    /// A step of the given connection from words.
    pub(crate) fn on(connection: usize, line: &str) -> Self {
        Self { connection, command: Command::parse(line) }
    }
}

impl Command {
    /// Splits at blanks. Three words stand for bytes that cannot be written so: `""` is the empty
    /// argument, `%crlf` holds a line break, `%bin` holds bytes that are not text.
    pub(crate) fn parse(line: &str) -> Self {
        let word = |word: &str| match word {
            "\"\"" => Vec::new(),
            "%crlf" => b"a\r\nb".to_vec(),
            "%bin" => vec![0xff, 0x00, 0xfe, b'z'],
            plain => plain.as_bytes().to_vec(),
        };
        Self(line.split_ascii_whitespace().map(word).collect())
    }

    /// The command's name in upper case.
    pub(crate) fn name(&self) -> String {
        self.word(0)
    }

    /// The argument at `index` in upper case, empty when there is none.
    pub(crate) fn word(&self, index: usize) -> String {
        let bytes = self.0.get(index).map_or(&[][..], Vec::as_slice);
        String::from_utf8_lossy(bytes).to_ascii_uppercase()
    }

    /// The bytes of this command as a client sends them.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = format!("*{}\r\n", self.0.len()).into_bytes();
        for arg in &self.0 {
            out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            out.extend_from_slice(arg);
            out.extend_from_slice(b"\r\n");
        }
        out
    }
}

impl fmt::Display for Command {
    /// Writes the command as a line for redis-cli.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.0.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            write!(f, "{blank}{}", quoted(arg))?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.connection, self.command)
    }
}

/// Writes bytes bare where a shell would leave them alone, else as a redis-cli string.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'\\".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let escaped: String = bytes
        .iter()
        .map(|&byte| match byte {
            b'"' | b'\\' => format!("\\{}", byte as char),
            b'\r' => "\\r".into(),
            b'\n' => "\\n".into(),
            b' '..=b'~' => (byte as char).to_string(),
            other => format!("\\x{other:02x}"),
        })
        .collect();
    format!("\"{escaped}\"")
}
