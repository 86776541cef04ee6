use super::*;

fn wrong(json: serde_json::Value) -> Vec<String> {
    let target: Target = serde_json::from_value(json).unwrap();
    let wrong = target.contradictions();
    wrong
        .into_iter()
        .map(|(key, words)| format!("{key}: {words}"))
        .collect()
}

#[test]
fn one_service_is_enough_and_contradictions_are_named() {
    use serde_json::json;
    assert!(wrong(json!({"name": "v", "nodes": [{"url": "http://h:3453"}]})).is_empty());
    assert!(wrong(json!({"name": "v"}))[0].contains("it names no service"));
    let several = wrong(json!({
        "name": "v",
        "token_file": "/t", "token_env": "T",
        "nodes": [{"url": "ws://h:3453"}, {"url": "http://h:3453/rpc/v0"}],
        "miner_services": [{"url": "http://h:12308"}],
        "gateways": [{"url": "http://h:45132/?token=eyJ"}],
        "interval": "20s", "most_senders": 0,
    }));
    for words in [
        "token_env: give it or",
        "nodes: h:3453: it is asked over http",
        "nodes: h:3453: leave the path away",
        "nodes: two are called `h:3453`",
        "gateways: h:45132: a URL may not hold a token",
        "mining_timeout: 25s must be shorter",
        "most_senders: it must be",
    ] {
        assert!(
            several.iter().any(|wrong| wrong.starts_with(words)),
            "{words}: {several:?}"
        );
    }
}

#[test]
fn a_process_has_its_own_token_or_the_common_one() {
    let json = serde_json::json!({
        "name": "v", "token_file": "/all",
        "nodes": [{"url": "http://h:1", "token_env": "OWN"}, {"url": "http://h:2"}],
    });
    let target: Target = serde_json::from_value(json).unwrap();
    let sources: Vec<_> = target.nodes.iter().map(|node| target.token(node).unwrap()).collect();
    assert_eq!(
        sources,
        [SecretSource::Env("OWN".to_owned()), SecretSource::File("/all".into())]
    );
    assert_eq!(target.secrets().len(), 2);
}
