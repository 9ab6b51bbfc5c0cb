//! Conversations about strings.

use crate::testing::follow;

#[test]
fn set_obeys_its_options() {
    follow(
        "SET a 1 XX => $-1
         SET a 1 NX => +OK
         SET a 2 NX => $-1
         SET a 2 NX GET => $1 1
         SET a 2 GET => $1 1
         SET b 2 GET => $-1
         SET a 3 EX 10 EX 20 => +OK
         TTL a => :20
         SET a 3 KEEPTTL => +OK
         TTL a => :20
         SET a 3 => +OK
         TTL a => :-1
         SET a 3 PXAT 1000001 => +OK
         PTTL a => :1
         SET a 3 EXAT 1 => +OK
         GET a => $-1
         SET a 1 NX XX => -ERR syntax error
         SET a 1 EX => -ERR syntax error
         SET a 1 EX 1 PX 1 => -ERR syntax error
         SET a 1 EX 1 KEEPTTL => -ERR syntax error
         SET a 1 KEEPTTL EX 1 => -ERR syntax error
         SET a 1 PERSIST => -ERR syntax error
         SET a 1 EX 0 => -ERR invalid expire time in 'set' command
         SET a 1 EX x => -ERR value is not an integer or out of range
         SETEX a 0 1 => -ERR invalid expire time in 'setex' command
         PSETEX a 5 1 => +OK
         PTTL a => :5
         SETNX a 1 => :0
         after 5
         SETNX a 1 => :1",
    );
}

#[test]
fn strings_are_taken_and_their_deadlines_changed() {
    follow(
        "SET a 1 => +OK
         GETSET a 2 => $1 1
         GETEX a EX 100 => $1 2
         TTL a => :100
         GETEX a PERSIST => $1 2
         TTL a => :-1
         GETEX a EX 0 => -ERR invalid expire time in 'getex' command
         GETEX x EX 0 => $-1
         GETEX a PERSIST EX 1 => -ERR syntax error
         GETEX a EX 1 PX 1 => -ERR syntax error
         GETEX a KEEPTTL => -ERR syntax error
         GETEX a PXAT 1 => $1 2
         GETDEL a => $-1
         SET a 1 => +OK
         GETDEL a => $1 1
         EXISTS a => :0",
    );
}

#[test]
fn strings_are_changed_in_place() {
    follow(
        "APPEND a hello => :5
         APPEND a '' => :5
         SETRANGE a 7 you => :10
         GETRANGE a 0 4 => $5 hello
         SUBSTR a -3 -1 => $3 you
         GETRANGE x 0 -1 => $0
         SETRANGE x 5 '' => :0
         EXISTS x => :0
         SETRANGE a -1 x => -ERR offset is out of range
         SETRANGE a 536870912 x => -ERR string exceeds maximum allowed size (proto-max-bulk-len)
         STRLEN a => :10
         MSET a 1 b 2 a 3 => +OK
         MSET a 1 b => -ERR wrong number of arguments for 'mset' command
         MSETNX c 1 a 2 => :0
         XADD s 1-1 f v => $3 1-1
         MGET a b c s => *4 $1 3 $1 2 $-1 $-1",
    );
}

#[test]
fn strings_count() {
    follow(
        "INCR n => :1
         INCRBY n 9 => :10
         DECR n => :9
         DECRBY n -1 => :10
         DECRBY n -9223372036854775808 => -ERR decrement would overflow
         SET n 9223372036854775807 => +OK
         INCR n => -ERR increment or decrement would overflow
         SET n 01 => +OK
         INCR n => -ERR value is not an integer or out of range
         INCRBYFLOAT n 0.5 => $3 1.5
         INCRBYFLOAT n x => -ERR value is not a valid float
         INCRBYFLOAT n inf => -ERR increment would produce NaN or Infinity",
    );
}
