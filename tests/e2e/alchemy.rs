//! npm's real `alchemy` against the local Cloudflare.

use crate::support::{Alchemy, Cloud, workspace_of_tests};

const RUN: &str = r#"
import alchemy from "alchemy";
import { DurableObjectNamespace, KVNamespace, Worker } from "alchemy/cloudflare";

const app = await alchemy("peer");
const worker = await Worker("api", {
  entrypoint: "./worker.ts",
  compatibilityDate: "2026-07-01",
  bindings: {
    COUNTER: DurableObjectNamespace("counter", { className: "Counter", sqlite: true }),
    VALUES: await KVNamespace("values"),
    GREETING: "hello",
    TOKEN: alchemy.secret("of the script"),
  },
});
console.log("deployed at", worker.url);
await app.finalize();
"#;

const WORKER: &str = r#"
import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  async add(): Promise<number> {
    const n = ((await this.ctx.storage.get<number>("n")) ?? 0) + 1;
    await this.ctx.storage.put("n", n);
    return n;
  }
}

export default {
  async fetch(request: Request, env: any): Promise<Response> {
    const n = await env.COUNTER.get(env.COUNTER.idFromName("one")).add();
    await env.VALUES.put("n", `${n}`);
    const values = await env.VALUES.get("n");
    return Response.json({ n, values, greeting: env.GREETING, token: env.TOKEN });
  },
};
"#;

#[tokio::test]
async fn a_worker_with_a_durable_object_is_deployed_twice_and_destroyed() {
    let cloud = Cloud::start("alchemy").await;
    let root = workspace_of_tests().join("alchemy");
    let _ = fs_err::remove_dir_all(&root);
    let alchemy = Alchemy::within(&root, &cloud, RUN).await;
    alchemy.write("worker.ts", WORKER);

    let said = alchemy.succeeds(&["--stage", "test"]).await;
    assert!(said.contains("[created]   api"), "{said}");
    let answer: serde_json::Value = cloud
        .worker("peer-api-test", "/")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        answer,
        serde_json::json!({ "n": 1, "values": "1", "greeting": "hello", "token": "of the script" })
    );

    // It uploads every time; the object keeps its data.
    alchemy.write("worker.ts", &WORKER.replace("${n}", "again ${n}"));
    alchemy.succeeds(&["--stage", "test"]).await;
    let answer: serde_json::Value = cloud
        .worker("peer-api-test", "/")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&answer["n"], &answer["values"]),
        (&2.into(), &"again 2".into())
    );

    let said = alchemy.succeeds(&["--stage", "test", "--destroy"]).await;
    assert!(said.contains("[deleted]   api"), "{said}");
    for list in [
        "/workers/scripts",
        "/workers/durable_objects/namespaces",
        "/storage/kv/namespaces",
    ] {
        let left = cloud.result(list).await;
        assert!(left.as_array().unwrap().is_empty(), "{list}: {left}");
    }
}
