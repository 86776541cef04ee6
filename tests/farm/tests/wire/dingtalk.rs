//! DingTalk's robot: 200 whatever happens, and what it took can be read.

use serde_json::json;
use simfarm::dingtalk::Robot;

use crate::common::{answered, status};

#[tokio::test]
async fn answers_200_with_an_errcode_and_keeps_what_it_took() {
    let robot = Robot::start("127.0.0.1:0").await.unwrap();
    robot.set(json!({"access_token": "a b"})).await.unwrap();
    let message = json!({"msgtype": "text", "text": {"content": "node-1 is stuck"}});
    for (path, expected) in [
        ("/robot/send?access_token=a+b", r#"{"errcode":0,"errmsg":"ok"}"#),
        (
            "/robot/send?access_token=ab",
            r#"{"errcode":300001,"errmsg":"token is not exist"}"#,
        ),
    ] {
        let line = format!("POST {path}\r\ncontent-type: application/json");
        let (head, body) = answered(robot.addr(), &line, &message.to_string()).await;
        assert_eq!((status(&head), body.as_str()), (200, expected), "{path}");
    }
    assert_eq!(robot.messages(), json!([message]));
    assert_eq!(robot.refused().as_array().unwrap().len(), 1);
    assert_eq!(robot.calls().of("robot/send"), 2);
    let (head, _) = answered(robot.addr(), "GET /robot/send?access_token=a+b", "").await;
    assert_eq!(status(&head), 404);
}
