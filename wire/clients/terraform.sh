# Terraform with the AWS provider: after each apply the plan has to be empty, also for the next version of the configuration,
# and destroying has to leave no table. The provider comes from Terraform's registry, or from the folder that
# TERRAFORM_PLUGINS names. It asks another service for the number of the account, which is answered here.
set -euo pipefail
if ! command -v terraform >/dev/null; then
    echo "SKIPPED: there is no terraform" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'kill "$sts" 2>/dev/null || true; rm -rf "$work"' EXIT
cp "$(dirname "$0")/terraform/main.tf" "$work"

python3 -u - >"$work/sts" <<'PYTHON' &
import http.server


class Identity(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        arn = "<Arn>arn:aws:iam::000000000000:user/local</Arn><UserId>local</UserId><Account>000000000000</Account>"
        body = f"<GetCallerIdentityResponse><GetCallerIdentityResult>{arn}</GetCallerIdentityResult></GetCallerIdentityResponse>"
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Identity)
print(f"http://127.0.0.1:{server.server_port}")
server.serve_forever()
PYTHON
sts=$!
for _ in $(seq 100); do
    [ -s "$work/sts" ] && break
    sleep 0.1
done

cd "$work"
export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1 TF_CLI_ARGS=-no-color TF_CLI_CONFIG_FILE=/dev/null
export TF_VAR_endpoint=$ENDPOINT TF_VAR_sts=$(cat sts)
quietly() { "$@" >output 2>&1 || { cat output; return 1; }; }
if ! quietly terraform init -input=false ${TERRAFORM_PLUGINS:+-plugin-dir="$TERRAFORM_PLUGINS"}; then
    echo "SKIPPED: Terraform's AWS provider is not there; TERRAFORM_PLUGINS names a folder that has it" >&2
    exit 0
fi
for edition in 1 2 3 2; do
    export TF_VAR_edition=$edition
    quietly terraform apply -auto-approve
    quietly terraform plan -detailed-exitcode || { echo "the plan is not empty after apply (edition $edition)"; exit 1; }
    echo "edition $edition is applied, and its plan is empty"
done
quietly terraform destroy -auto-approve
python3 - "$ENDPOINT" <<'PYTHON'
import json
import sys
import urllib.request

headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.ListTables"}
answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], b"{}", headers))
left = [name for name in json.load(answer)["TableNames"] if name in ("orders", "small")]
assert not left, f"destroyed, and still there: {left}"
PYTHON
echo "every plan was empty"
