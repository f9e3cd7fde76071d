//! tokio: axum as server, reqwest (hyper) as client.
use axum::{
    extract::{Path, Query, RawQuery, State},
    routing::get,
    Router,
};
use serde::Deserialize;
use std::{env, time::{Duration, Instant}};

#[derive(Deserialize)]
struct Shape {
    w: Option<String>,
    n: Option<u32>,
    m: Option<String>,
    p: Option<u64>,
    r: Option<u32>,
    t: Option<u64>,
}

#[derive(Clone)]
struct App {
    client: reqwest::Client,
    next: String,
}

async fn work(kind: &str, salt: u64) {
    match kind {
        "cpu" => {
            let end = Instant::now() + Duration::from_millis(1);
            while Instant::now() < end {}
        }
        "sleep" => tokio::time::sleep(Duration::from_micros(1000 + salt * 7919 % 8000)).await,
        "file" => drop(tokio::fs::read("/etc/services").await),
        _ => {}
    }
}

#[derive(Clone)]
struct Manner {
    kind: String,
    attempts: u32,
    patience: Duration,
}

/// The status; 504 when nobody answers in time.
async fn attempt(app: &App, url: &str) -> u16 {
    match app.client.get(url).send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            let _ = response.bytes().await;
            status
        }
        Err(_) => 504,
    }
}

async fn one(app: App, url: String, manner: Manner, salt: u64) {
    work(&manner.kind, salt).await;
    for _ in 0..manner.attempts {
        let status = tokio::time::timeout(manner.patience, attempt(&app, &url)).await;
        if status.unwrap_or(504) != 503 {
            return;
        }
    }
}

async fn serve(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(shape): Query<Shape>,
    RawQuery(raw): RawQuery,
) -> &'static str {
    let manner = Manner {
        kind: shape.w.unwrap_or_default(),
        attempts: if shape.r.is_some() { 2 } else { 1 },
        patience: Duration::from_millis(shape.t.unwrap_or(60_000)),
    };
    let salt = id.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 8000;
    let parallel = shape.m.is_some();
    let mut tasks = Vec::new();
    for index in 1..=shape.n.unwrap_or(1) {
        let url = format!("{}/h/{}.{}?{}", app.next, id, index, raw.as_deref().unwrap_or(""));
        let call = one(app.clone(), url, manner.clone(), salt + u64::from(index));
        if parallel {
            tasks.push(tokio::spawn(call));
        } else {
            call.await;
        }
    }
    if shape.m.as_deref() == Some("par") {
        for task in tasks {
            let _ = task.await;
        }
    }
    if let Some(millis) = shape.p {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    "ok\n"
}

#[tokio::main]
async fn main() {
    let app = App { client: reqwest::Client::new(), next: env::var("NEXT").unwrap() };
    let router = Router::new().route("/h/{id}", get(serve)).with_state(app);
    let address = format!("127.0.0.1:{}", env::var("PORT").unwrap());
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}
