//! Cuts a long text into pieces that fit, counted as they are written in JSON.

/// Bytes of the text inside a JSON string.
pub(super) fn json_len(text: &str) -> usize {
    text.chars().map(json_len_of).sum()
}

/// As `serde_json` escapes.
fn json_len_of(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        c => c.len_utf8(),
    }
}

/// At most `most` pieces of at most `room` bytes in JSON: between lines where that wastes less than half a piece, between
/// characters otherwise. What does not fit into the last piece is left out and marked. A room below eight bytes is taken
/// as eight, or nothing would fit.
pub(super) fn split(text: &str, room: usize, most: usize) -> Vec<String> {
    let room = room.max(8);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && pieces.len() < most {
        let end = end_of_piece(rest, room);
        let (mut piece, mut behind) = (rest.get(..end).unwrap_or(rest), rest.get(end..).unwrap_or_default());
        if behind.is_empty() {
            pieces.push(piece.to_owned());
            return pieces;
        }
        if pieces.len() + 1 == most {
            let shorter = end_of_piece(rest, room - '…'.len_utf8());
            pieces.push(format!("{}…", rest.get(..shorter).unwrap_or_default()));
            return pieces;
        }
        if let Some((lines, _)) = piece
            .rsplit_once('\n')
            .filter(|(lines, _)| lines.len() > piece.len() / 2)
        {
            piece = lines;
            behind = rest.get(lines.len() + 1..).unwrap_or_default();
        }
        pieces.push(piece.to_owned());
        rest = behind;
    }
    pieces
}

/// Where the longest beginning that fits ends.
fn end_of_piece(text: &str, room: usize) -> usize {
    let mut left = room;
    for (at, c) in text.char_indices() {
        match left.checked_sub(json_len_of(c)) {
            Some(rest) => left = rest,
            None => return at,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_between_lines_where_there_are_some() {
        assert_eq!(split("short", 100, 5), ["short"]);
        assert_eq!(split("", 100, 5), Vec::<String>::new());
        assert_eq!(split("eleven bytes\nand more", 16, 5), ["eleven bytes", "and more"]);
        assert_eq!(split("矿矿矿矿", 8, 5), ["矿矿", "矿矿"]);
        assert_eq!(
            split("a\nbcdefghijkl", 8, 5),
            ["a\nbcdef", "ghijkl"],
            "a line break near the begin saves nothing"
        );
    }

    #[test]
    fn what_is_left_out_is_marked() {
        assert_eq!(split("0123456789abcdefghijklmnop", 10, 2), ["0123456789", "abcdefg…"]);
    }

    proptest! {
        #[test]
        fn every_piece_fits_and_nothing_is_lost(text in "(?s).{0,300}", room in 8_usize..60) {
            let pieces = split(&text, room, 1000);
            for piece in &pieces {
                prop_assert!(json_len(piece) <= room);
                prop_assert!(!piece.is_empty());
            }
            let without = |text: &str| text.replace('\n', "");
            prop_assert_eq!(without(&pieces.concat()), without(&text));
        }

        #[test]
        fn the_length_is_that_of_the_written_json(text in "(?s).*") {
            prop_assert_eq!(json_len(&text) + 2, serde_json::to_string(&text).unwrap().len());
        }

        #[test]
        fn there_are_no_more_pieces_than_asked_for(text in "(?s).{0,300}", room in 0_usize..60, most in 1_usize..4) {
            let pieces = split(&text, room, most);
            prop_assert!(pieces.len() <= most);
            prop_assert!(pieces.iter().all(|piece| json_len(piece) <= room.max(8)));
        }
    }
}
