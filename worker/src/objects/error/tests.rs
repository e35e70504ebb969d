use kumi_proto::v1::FailureClass;

use crate::objects::error::ObjectError;
use crate::objects::location::{Location, Place};

fn at() -> Location {
    let Ok(Place::Object(at)) = Place::parse("s3://reads/a.fq") else {
        panic!("an object");
    };
    at
}

fn body(code: &str) -> Box<std::io::Error> {
    let body = format!("<Error><Code>{code}</Code><AWSAccessKeyId>AKIDX</AWSAccessKeyId></Error>");
    Box::new(std::io::Error::other(body))
}

fn refused(code: &str) -> object_store::Error {
    object_store::Error::PermissionDenied {
        path: "a.fq".to_owned(),
        source: body(code),
    }
}

fn answered(code: &str) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: body(code),
    }
}

#[test]
fn the_code_is_told_and_the_body_is_not() {
    let code = "SignatureDoesNotMatch";
    for error in [refused(code), answered(code), answered("KMS")] {
        let told = ObjectError::of(&at(), "read", "http://e", &error).to_string();
        assert!(!told.contains("AKIDX"), "{told}");
        assert!(told.contains("SignatureDoesNotMatch") || told.contains("KMS"));
    }
}

/// What trying again does not help, and what it may.
#[test]
fn the_code_decides_whether_it_is_tried_again_and_what_is_to_be_mended() {
    let missing = object_store::Error::NotFound {
        path: "a.fq".to_owned(),
        source: body("NoSuchBucket"),
    };
    let cases = [
        (refused("AccessDenied"), true, "that of bucket reads"),
        (
            refused("AllAccessDisabled"),
            true,
            "bucket reads allow s3:PutObject",
        ),
        (refused("InvalidAccessKeyId"), true, "AWS_ACCESS_KEY_ID"),
        (
            refused("SignatureDoesNotMatch"),
            true,
            "AWS_SECRET_ACCESS_KEY",
        ),
        (refused("RequestTimeTooSkewed"), true, "clock"),
        (answered("ExpiredToken"), true, "AWS_SESSION_TOKEN"),
        (missing, true, "there is no bucket reads"),
        (answered("SlowDown"), false, "however often"),
        (answered("ServiceUnavailable"), false, "however often"),
        (answered("InternalError"), false, "however often"),
        (answered("RequestTimeout"), false, "however often"),
    ];
    for (error, at_once, says) in cases {
        let error = ObjectError::of(&at(), "write", "http://e", &error);
        let class = if at_once {
            FailureClass::BadInput
        } else {
            FailureClass::Transient
        };
        let told = error.to_string();
        assert_eq!(error.class(), class, "{told}");
        assert!(
            told.contains("s3://reads/a.fq") && told.contains(says),
            "{told}"
        );
        assert!(error.of_store().is_none(), "{told}");
    }
}
