//! The recorded calls that are answered otherwise.

/// A recorded call that is answered otherwise.
pub(crate) struct Deviation {
    /// Method, path, body and recorded status.
    pub(crate) call: (&'static str, &'static str, &'static str, u16),
    #[allow(dead_code, reason = "it is there to be read")]
    pub(crate) reason: &'static str,
    /// What is answered: status, and start of the body.
    pub(crate) instead: (u16, &'static str),
}

const fn deviation(
    call: (&'static str, &'static str, &'static str, u16),
    reason: &'static str,
    instead: (u16, &'static str),
) -> Deviation {
    Deviation {
        call,
        reason,
        instead,
    }
}

const NO_BODY: &str = "the blueprint was not recorded; other deployments are";
const CATALOG: &str = "there is no catalog, and so no link to it";
const A_TYPE_OF_OURS: &str = "the recorded type had other sensors and keys, and more descriptions of them";
const QUICK: &str = "it has ended by now, or has not; it waits for no other task, and nothing is below it";
const EVERYWHERE: &str = "tasks are state: a hot standby has them too";
const HIGHLIGHTS: &str = "highlights are state: a hot standby has all of them too";
const REPAIRED: &str = "a recorded 500 is a defect";
const OURS: &str = "a message of our own in one line, which names the place, the key, and what is known";
const UNKNOWN_PARAMETER: &str = "what would be ignored is refused";
const ONLY_ONES_OWN: &str = "no tag is added that nobody asked for";
const OWN_TYPES: &str = "types of policies are those that are registered";
const DONE: &str = "what is removed is removed when it is answered, and the task has ended";

pub(crate) const DEVIATIONS: [Deviation; 33] = [
    deviation(
        ("POST", "/v1/applications", "", 201),
        NO_BODY,
        (400, r#"{"message":"Error in blueprint: line 1: must be a map"#),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities", "", 200),
        CATALOG,
        (
            200,
            r#"[{"id":"{web}","name":"web","type":"org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess","catalogItemId":"web:1.1.0","links":{"self""#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}", "", 200),
        CATALOG,
        (
            200,
            r#"{"id":"{web}","name":"web","type":"org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess","catalogItemId":"web:1.1.0","links":{"self""#,
        ),
    ),
    deviation(
        (
            "GET",
            "/v1/applications/{app}/entities/{web}/sensors/current-state",
            "",
            200,
        ),
        A_TYPE_OF_OURS,
        (
            200,
            r#"{"download.url":null,"service.isUp":true,"host.address":"127.0.0.1","service.state":"RUNNING"}"#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}/config", "", 200),
        A_TYPE_OF_OURS,
        (200, r#"[{"name":"install.command""#),
    ),
    deviation(
        (
            "GET",
            "/v1/applications/{app}/entities/{web}/config/current-state",
            "",
            200,
        ),
        A_TYPE_OF_OURS,
        (200, r#"{"launch.command":"run"}"#),
    ),
    deviation(
        (
            "GET",
            "/v1/applications/{app}/entities/{web}/policies/{policy}/config",
            "",
            200,
        ),
        A_TYPE_OF_OURS,
        (
            200,
            r#"[{"name":"failureSensorToMonitor","type":"java.lang.Object","reconfigurable":false,"constraints":[],"links":{"self""#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}/adjuncts", "", 200),
        HIGHLIGHTS,
        (
            200,
            r#"[{"id":"enricheren","name":"a name","adjunctType":"ENRICHER","catalogItemId":"a:1.0","description":"what it does","state":"RUNNING","highlights":{"lastAction""#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}/activities", "", 200),
        QUICK,
        (200, r#"[{"id":"TaskTaskTa","displayName":"start""#),
    ),
    deviation(
        ("GET", "/v1/activities/{task}", "", 404),
        EVERYWHERE,
        (200, r#"{"id":"TaskTaskTa""#),
    ),
    deviation(
        ("GET", "/v1/activities/{task}/children", "", 404),
        EVERYWHERE,
        (200, "[]"),
    ),
    deviation(
        ("GET", "/v1/activities/{task}/stream/stdout", "", 404),
        EVERYWHERE,
        (200, "what is at /somewhere/stdout"),
    ),
    deviation(
        ("GET", "/v1/activities/{task}/stream/none", "", 404),
        EVERYWHERE,
        (404, r#"{"message":"Cannot find stream 'none' in task"#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart",
            "{}",
            500,
        ),
        REPAIRED,
        (
            403,
            r#"{"message":"This request is only permitted against an active primary Brooklyn server","error":403}"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "", 400),
        OURS,
        (400, r#"{"message":"Error in blueprint: line 1: must be a map"#),
    ),
    deviation(
        ("POST", "/v1/applications", "{", 400),
        OURS,
        (400, r#"{"message":"Error in blueprint: line 1: unclosed bracket"#),
    ),
    deviation(
        ("POST", "/v1/applications", "name: x", 400),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 1, `services`: a blueprint has a list of services"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "services: []", 400),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 1, `services`: a blueprint has a list of services"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "services: [{type: no.such}]", 400),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 1, `services[0].type`: unknown type 'no.such': known are org.apache"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "- 1", 400),
        OURS,
        (400, r#"{"message":"Error in blueprint: line 1: must be a map"#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications",
            "name: x\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity\n  brooklyn.config: 5",
            400,
        ),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 4, `services[0].brooklyn.config`: must be a map of keys to values, and is a number","error":400}"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications",
            r#"{"services":[{"type":"org.apache.brooklyn.entity.stock.BasicEntity"}],"name":"json-app"}"#,
            201,
        ),
        QUICK,
        (201, r#"{"id":""#),
    ),
    deviation(
        (
            "PUT",
            "/v1/applications/abcdefghij",
            "name: put-app\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity",
            201,
        ),
        QUICK,
        (201, r#"{"id":""#),
    ),
    deviation(
        (
            "PUT",
            "/v1/applications/abcdefghij",
            "name: put-app\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity",
            409,
        ),
        OURS,
        (
            409,
            r#"{"message":"Error launching blueprint, id already exists: 'abcdefghij'","error":409}"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart?timeout=0",
            r#"{"restartChildren":"false"}"#,
            202,
        ),
        QUICK,
        (202, r#"{"id":""#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart?timeout=1ms",
            "{}",
            202,
        ),
        QUICK,
        (202, r#"{"id":""#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart",
            "{",
            500,
        ),
        REPAIRED,
        (
            400,
            r#"{"message":"The body is not the JSON that is wanted here: values by name"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart",
            r#"{"zzz":1}"#,
            202,
        ),
        UNKNOWN_PARAMETER,
        (
            400,
            r#"{"message":"effector 'restart' has no parameter 'zzz': known are restartChildren","error":400}"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{db}/children?start=false",
            "services:\n- type: org.apache.brooklyn.entity.stock.BasicEntity\n  name: kid",
            500,
        ),
        REPAIRED,
        (201, r#"{"id":""#),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{db}/tags", "", 200),
        ONLY_ONES_OWN,
        (200, r#"["t1"]"#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/policies?type=org.apache.brooklyn.policy.ha.ServiceReplacer",
            "{}",
            400,
        ),
        OWN_TYPES,
        (
            400,
            r#"{"message":"unknown type 'org.apache.brooklyn.policy.ha.ServiceReplacer': known are sensor-threshold, a.Type""#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{db}/expunge?release=false",
            "",
            202,
        ),
        DONE,
        (202, r#"{"id":""#),
    ),
    deviation(
        ("DELETE", "/v1/applications/{app}", "", 202),
        DONE,
        (202, r#"{"id":""#),
    ),
];
