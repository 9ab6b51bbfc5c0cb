//! Writes requests given as lines of words.

use firth_resp::encode_request;

/// Appends a request written as one line of words; a single blank parts them.
pub(super) fn write_words(out: &mut Vec<u8>, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    encode_request(out, &words);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        write_words(&mut out, "XLEN bench");
        write_words(&mut out, "PING");
        assert_eq!(out, b"*2\r\n$4\r\nXLEN\r\n$5\r\nbench\r\n*1\r\n$4\r\nPING\r\n");
    }
}
