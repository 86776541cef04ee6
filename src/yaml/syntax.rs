//! What the parser could not understand, as an operator would say it.

use granit_parser::ErrorKind;

pub(super) fn words(kind: &ErrorKind) -> String {
    use ErrorKind as K;
    let words = match kind {
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabInPlainScalar
        | K::TabAtBlockScalarStart => "a tab stands here; indent with spaces",
        K::InvalidIndentation
        | K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::InvalidBlockScalarIndent
        | K::InvalidQuotedScalarIndent
        | K::InvalidFlowScalarIndent => {
            "this line does not fit the ones above it; keys or entries of one level are indented like one another"
        }
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => "the quote that opens here is never closed",
        K::UnclosedFlowCollection { open } => return format!("the `{open}` that opens here is never closed"),
        K::UnexpectedEofFlowSequence | K::UnexpectedEofFlowMapping | K::UnexpectedEofImplicitFlowMapping => {
            "the file ends, but a `[` or `{` is still open"
        }
        K::MismatchedFlowCollectionEnd { open, close } => return format!("`{open}` is open, and `{close}` closes it"),
        K::MisplacedFlowCollectionEnd => "a bracket is closed that was never opened",
        K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator => {
            "a `,` or the closing bracket is expected here"
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey => "a key is expected here, with `: ` behind it",
        K::MappingValueNotAllowed | K::InvalidColonPlacement | K::MappingKeyNotAllowed => {
            "a key cannot stand here; is this line indented like its neighbours? Put a text that has `: ` in it in quotes"
        }
        K::InvalidMappingValueWhitespace | K::InvalidBlockEntryWhitespace => "a space is expected here",
        K::BlockSequenceEntryNotAllowed | K::BlockEntryInFlowCollection => {
            "a list entry `- ` cannot begin here; it stands on a line of its own"
        }
        K::UnexpectedCharacter { character } => {
            return format!("a value cannot begin with `{character}`; put it in quotes");
        }
        K::UnknownAnchor => {
            "no anchor (`&name`) of this name stands before it; put a value that begins with `*` in quotes"
        }
        K::UnknownQuotedScalarEscape => {
            "unknown escape between double quotes; write `\\\\` for a backslash, or use single quotes"
        }
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            "there is more behind the closing quote; put quotes around all of it"
        }
        K::RecursionLimitExceeded => "too many levels lie in one another here",
        K::ExpectedDocumentStart | K::InvalidDocumentEnd => "the file goes on after its end",
        K::BomInsideDocument => "a byte order mark stands inside the file; remove it",
        other => return format!("this is no YAML: {other}"),
    };
    words.to_owned()
}
