//! The commands that simulated clients send.

use std::fmt;

/// The id of an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Id(pub(crate) u64, pub(crate) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(crate) type Bytes = Vec<u8>;

/// From where on a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    After(Id),
    /// `$` or, for a group, `>`.
    New,
}

/// What a stream is trimmed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrimTo {
    MaxLen(u64),
    MinId(Id),
}

/// How close a trim comes to its aim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nearness {
    Exact,
    Near,
}

/// Whether a variant of a command is asked for that differs by one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Said,
    Left,
}

/// Why an entry is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NackMode {
    Silent,
    Fail,
    Fatal,
}

/// What a deletion does to references of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum References {
    Keep,
    Delete,
    Acked,
}

impl References {
    fn word(self) -> &'static str {
        match self {
            References::Keep => "KEEPREF",
            References::Delete => "DELREF",
            References::Acked => "ACKED",
        }
    }
}

/// Who is read for, in which group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) group: Bytes,
    pub(crate) consumer: Bytes,
    pub(crate) noack: Word,
}

/// XREAD or XREADGROUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) reader: Option<Reader>,
    pub(crate) count: usize,
    pub(crate) block_ms: Option<u64>,
    pub(crate) sources: Vec<(Bytes, From)>,
}

/// XADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Add {
    pub(crate) key: Bytes,
    pub(crate) id: Option<Id>,
    pub(crate) fields: Vec<Bytes>,
    pub(crate) trim: Option<(TrimTo, Nearness)>,
    /// The producer, and its id of this attempt unless the content is to stand for it.
    pub(crate) attempt: Option<(Bytes, Option<Bytes>)>,
    pub(crate) nomkstream: Word,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Hello,
    Select(u8),
    Ping,
    Multi,
    Exec,
    Discard,
    Watch(Vec<Bytes>),
    Unwatch,
    Subscribe(Bytes),
    Publish(Bytes, Bytes),
    Set { key: Bytes, value: Bytes, px: Option<u64> },
    Get(Bytes),
    Incr(Bytes),
    Append(Bytes, Bytes),
    Del(Vec<Bytes>),
    PExpire(Bytes, i64),
    Persist(Bytes),
    Rename { from: Bytes, to: Bytes, nx: Word },
    Copy { from: Bytes, to: Bytes, db: u8, replace: Word },
    Move(Bytes, u8),
    FlushDb,
    SwapDb(u8, u8),
    Add(Add),
    Len(Bytes),
    Range { key: Bytes, start: Id, end: Option<Id>, count: usize, reverse: Word },
    Read(Read),
    Ack { key: Bytes, group: Bytes, ids: Vec<Id> },
    AckDel { key: Bytes, group: Bytes, references: References, ids: Vec<Id> },
    Claim { key: Bytes, reader: Reader, min_idle_ms: u64, ids: Vec<Id>, just: Word, force: Word },
    AutoClaim { key: Bytes, reader: Reader, min_idle_ms: u64, start: Id, count: usize, just: Word },
    Nack { key: Bytes, group: Bytes, mode: NackMode, ids: Vec<Id> },
    XDel { key: Bytes, ids: Vec<Id> },
    XDelEx { key: Bytes, references: References, ids: Vec<Id> },
    Trim { key: Bytes, to: TrimTo, nearness: Nearness },
    SetId { key: Bytes, id: Id },
    GroupCreate { key: Bytes, group: Bytes, at: From, mkstream: Word },
    GroupSetId { key: Bytes, group: Bytes, at: From },
    GroupDestroy { key: Bytes, group: Bytes },
    CreateConsumer { key: Bytes, group: Bytes, consumer: Bytes },
    DelConsumer { key: Bytes, group: Bytes, consumer: Bytes },
    Pending { key: Bytes, group: Bytes, count: usize },
    Groups(Bytes),
    Consumers { key: Bytes, group: Bytes },
}

/// Gathers the arguments of a request.
struct Args(Vec<Bytes>);

impl Args {
    fn put(&mut self, argument: &[u8]) -> &mut Self {
        self.0.push(argument.to_vec());
        self
    }

    fn say(&mut self, words: &str) -> &mut Self {
        words.split(' ').for_each(|word| self.0.push(word.into()));
        self
    }

    fn all<'a>(&mut self, arguments: impl IntoIterator<Item = &'a Bytes>) -> &mut Self {
        self.0.extend(arguments.into_iter().cloned());
        self
    }

    fn num(&mut self, number: impl fmt::Display) -> &mut Self {
        self.0.push(number.to_string().into());
        self
    }

    fn ids(&mut self, ids: &[Id]) -> &mut Self {
        ids.iter().for_each(|id| self.0.push(id.to_string().into()));
        self
    }

    fn when(&mut self, word: Word, text: &str) -> &mut Self {
        if word == Word::Said { self.say(text) } else { self }
    }

    fn trim(&mut self, to: TrimTo, nearness: Nearness) -> &mut Self {
        let sign = if nearness == Nearness::Exact { "=" } else { "~" };
        match to {
            TrimTo::MaxLen(len) => self.say("MAXLEN").say(sign).num(len),
            TrimTo::MinId(id) => self.say("MINID").say(sign).num(id),
        }
    }

    fn from(&mut self, from: From, new: &str) -> &mut Self {
        match from {
            From::New => self.say(new),
            From::After(id) => self.num(id),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args = self.args();
        let words: Vec<String> = args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
        f.write_str(&words.join(" "))
    }
}

impl Command {
    /// Returns the request.
    pub(crate) fn args(&self) -> Vec<Bytes> {
        let mut args = Args(Vec::new());
        match self {
            Command::Add(_) | Command::Read(_) | Command::Range { .. } => self.entries(&mut args),
            _ => self.words(&mut args),
        }
        args.0
    }

    fn entries(&self, out: &mut Args) {
        match self {
            Command::Add(add) => {
                out.say("XADD").put(&add.key).when(add.nomkstream, "NOMKSTREAM");
                match &add.attempt {
                    Some((producer, Some(iid))) => out.say("IDMP").put(producer).put(iid),
                    Some((producer, None)) => out.say("IDMPAUTO").put(producer),
                    None => out,
                };
                if let Some((to, nearness)) = add.trim {
                    out.trim(to, nearness);
                }
                match add.id {
                    Some(id) => out.num(id),
                    None => out.say("*"),
                };
                out.all(&add.fields);
            }
            Command::Read(read) => {
                match &read.reader {
                    Some(Reader { group, consumer, noack }) => {
                        out.say("XREADGROUP GROUP").put(group).put(consumer).when(*noack, "NOACK")
                    }
                    None => out.say("XREAD"),
                };
                out.say("COUNT").num(read.count);
                if let Some(ms) = read.block_ms {
                    out.say("BLOCK").num(ms);
                }
                out.say("STREAMS");
                out.all(read.sources.iter().map(|(key, _)| key));
                let new = if read.reader.is_some() { ">" } else { "$" };
                for (_, from) in &read.sources {
                    out.from(*from, new);
                }
            }
            Command::Range { key, start, end, count, reverse } => {
                let end = end.map_or("+".into(), |id| id.to_string());
                let start = start.to_string();
                match reverse {
                    Word::Said => out.say("XREVRANGE").put(key).say(&end).say(&start),
                    Word::Left => out.say("XRANGE").put(key).say(&start).say(&end),
                };
                out.say("COUNT").num(count);
            }
            _ => {}
        }
    }

    fn words(&self, out: &mut Args) {
        match self {
            Command::Hello => out.say("HELLO 3"),
            Command::Select(db) => out.say("SELECT").num(db),
            Command::Ping => out.say("PING"),
            Command::Multi => out.say("MULTI"),
            Command::Exec => out.say("EXEC"),
            Command::Discard => out.say("DISCARD"),
            Command::Watch(keys) => out.say("WATCH").all(keys),
            Command::Unwatch => out.say("UNWATCH"),
            Command::Subscribe(channel) => out.say("SUBSCRIBE").put(channel),
            Command::Publish(channel, text) => out.say("PUBLISH").put(channel).put(text),
            Command::Set { key, value, px: None } => out.say("SET").put(key).put(value),
            Command::Set { key, value, px: Some(ms) } => {
                out.say("SET").put(key).put(value).say("PX").num(ms)
            }
            Command::Get(key) => out.say("GET").put(key),
            Command::Incr(key) => out.say("INCR").put(key),
            Command::Append(key, text) => out.say("APPEND").put(key).put(text),
            Command::Del(keys) => out.say("DEL").all(keys),
            Command::PExpire(key, ms) => out.say("PEXPIRE").put(key).num(ms),
            Command::Persist(key) => out.say("PERSIST").put(key),
            Command::Rename { from, to, nx: Word::Left } => out.say("RENAME").put(from).put(to),
            Command::Rename { from, to, .. } => out.say("RENAMENX").put(from).put(to),
            Command::Copy { from, to, db, replace } => {
                out.say("COPY").put(from).put(to).say("DB").num(db).when(*replace, "REPLACE")
            }
            Command::Move(key, db) => out.say("MOVE").put(key).num(db),
            Command::FlushDb => out.say("FLUSHDB"),
            Command::SwapDb(one, other) => out.say("SWAPDB").num(one).num(other),
            _ => {
                self.streams(out);
                out
            }
        };
    }

    fn streams(&self, out: &mut Args) {
        match self {
            Command::Len(key) => out.say("XLEN").put(key),
            Command::XDel { key, ids } => out.say("XDEL").put(key).ids(ids),
            Command::XDelEx { key, references, ids } => {
                out.say("XDELEX").put(key).say(references.word());
                out.say("IDS").num(ids.len()).ids(ids)
            }
            Command::Trim { key, to, nearness } => out.say("XTRIM").put(key).trim(*to, *nearness),
            Command::SetId { key, id } => out.say("XSETID").put(key).num(id),
            _ => {
                self.groups(out);
                out
            }
        };
    }

    fn groups(&self, out: &mut Args) {
        match self {
            Command::Ack { key, group, ids } => out.say("XACK").put(key).put(group).ids(ids),
            Command::AckDel { key, group, references, ids } => {
                out.say("XACKDEL").put(key).put(group).say(references.word());
                out.say("IDS").num(ids.len()).ids(ids)
            }
            Command::Claim { key, reader, min_idle_ms, ids, just, force } => {
                out.say("XCLAIM").put(key).put(&reader.group).put(&reader.consumer);
                out.num(min_idle_ms).ids(ids).when(*just, "JUSTID").when(*force, "FORCE")
            }
            Command::AutoClaim { key, reader, min_idle_ms, start, count, just } => {
                out.say("XAUTOCLAIM").put(key).put(&reader.group).put(&reader.consumer);
                out.num(min_idle_ms).num(start).say("COUNT").num(count).when(*just, "JUSTID")
            }
            Command::Nack { key, group, mode, ids } => {
                let mode = match mode {
                    NackMode::Silent => "SILENT",
                    NackMode::Fail => "FAIL",
                    NackMode::Fatal => "FATAL",
                };
                out.say("XNACK").put(key).put(group).say(mode).say("IDS").num(ids.len()).ids(ids)
            }
            Command::GroupCreate { key, group, at, mkstream } => {
                out.say("XGROUP CREATE").put(key).put(group).from(*at, "$");
                out.when(*mkstream, "MKSTREAM")
            }
            Command::GroupSetId { key, group, at } => {
                out.say("XGROUP SETID").put(key).put(group).from(*at, "$")
            }
            Command::GroupDestroy { key, group } => out.say("XGROUP DESTROY").put(key).put(group),
            Command::CreateConsumer { key, group, consumer } => {
                out.say("XGROUP CREATECONSUMER").put(key).put(group).put(consumer)
            }
            Command::DelConsumer { key, group, consumer } => {
                out.say("XGROUP DELCONSUMER").put(key).put(group).put(consumer)
            }
            Command::Pending { key, group, count } => {
                out.say("XPENDING").put(key).put(group).say("- +").num(count)
            }
            Command::Groups(key) => out.say("XINFO GROUPS").put(key),
            Command::Consumers { key, group } => out.say("XINFO CONSUMERS").put(key).put(group),
            _ => out,
        };
    }
}

impl Command {
    /// Says whether this is a command of streams, reading apart.
    pub(crate) fn is_of_streams(&self) -> bool {
        matches!(
            self,
            Command::Add(_)
                | Command::Len(_)
                | Command::Range { .. }
                | Command::Ack { .. }
                | Command::AckDel { .. }
                | Command::Claim { .. }
                | Command::AutoClaim { .. }
                | Command::Nack { .. }
                | Command::XDel { .. }
                | Command::XDelEx { .. }
                | Command::Trim { .. }
                | Command::SetId { .. }
                | Command::GroupCreate { .. }
                | Command::GroupSetId { .. }
                | Command::GroupDestroy { .. }
                | Command::CreateConsumer { .. }
                | Command::DelConsumer { .. }
                | Command::Pending { .. }
                | Command::Groups(_)
                | Command::Consumers { .. }
        )
    }

    /// Returns the keys that the reply depends on, in the client's database.
    pub(crate) fn keys(&self) -> Vec<Bytes> {
        match self {
            Command::Del(keys) => keys.clone(),
            Command::Rename { from, to, .. } => vec![from.clone(), to.clone()],
            Command::Copy { from, .. } => vec![from.clone()],
            Command::Read(read) => read.sources.iter().map(|(key, _)| key.clone()).collect(),
            Command::Add(Add { key, .. })
            | Command::Get(key)
            | Command::Incr(key)
            | Command::Append(key, _)
            | Command::Len(key)
            | Command::Groups(key)
            | Command::Persist(key)
            | Command::PExpire(key, _)
            | Command::Move(key, _)
            | Command::Set { key, .. }
            | Command::Range { key, .. }
            | Command::Ack { key, .. }
            | Command::AckDel { key, .. }
            | Command::Claim { key, .. }
            | Command::AutoClaim { key, .. }
            | Command::Nack { key, .. }
            | Command::XDel { key, .. }
            | Command::XDelEx { key, .. }
            | Command::Trim { key, .. }
            | Command::SetId { key, .. }
            | Command::GroupCreate { key, .. }
            | Command::GroupSetId { key, .. }
            | Command::GroupDestroy { key, .. }
            | Command::CreateConsumer { key, .. }
            | Command::DelConsumer { key, .. }
            | Command::Pending { key, .. }
            | Command::Consumers { key, .. } => vec![key.clone()],
            _ => Vec::new(),
        }
    }
}
