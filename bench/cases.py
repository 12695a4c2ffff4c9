"""draft"""
import secrets, json, sys, time
from bench import ground, load, report
from bench.ground import KEYID, PROCEDURE, Ground
from gateway.wiring import now
from signing.http_messages import sign_request

def signed(here, path, content):
    body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"} if body else {}
    headers |= sign_request("POST", here.origin + path, headers, body, key=here.key, keyid=KEYID, created=now(), nonce=secrets.token_hex(16))
    return load.post(f"127.0.0.1:{here.port}", path, headers, body)

def wanted(code):
    return {
        "reference": f"HS-{code}", "procedure_code": PROCEDURE, "case_code": code, "keeps_documents": True,
        "applicant": {"name": "Nguyễn Văn Bình", "id_kind": "cccd", "id_number": "012345678901", "phone": "0912345678", "address": "Số 1 đường Trần Hưng Đạo, phường Phương Lâm, Hòa Bình"},
        "documents": [
            {"code": "to-khai", "name": "to-khai.pdf", "media_type": "application/pdf", "size_bytes": 48211, "sha256": secrets.token_hex(32)},
            {"code": "giay-to-tuy-than", "name": "cccd.jpg", "media_type": "image/jpeg", "size_bytes": 248211, "sha256": secrets.token_hex(32)}],
        "answers": {},
    }


def main(n=1500, conns=16, rounds=3):
    from bench import cpu
    import tempfile
    from pathlib import Path
    with tempfile.TemporaryDirectory() as name:
      folder=Path(name)
      with ground.serving(folder) as server, ground.prepared(server,"bench",folder) as here:
        gw=ground.started(here,folder,9)
        try:
          at=0
          master=int((folder/"pg/postmaster.pid").read_text().split()[0])
          for r in range(rounds):
            reqs=[]
            day=time.strftime("%y%m%d")
            for i in range(n):
                at+=1
                code=f"H28-{day}-{at:08d}"
                reqs.append(signed(here,"/v1/cases",wanted(code)))
                reqs.append(signed(here,f"/v1/cases/{code}/submit",None))
            a,b=cpu.of_session(gw.pid),cpu.of_server(master)
            m=load.run(here.port,reqs,connections=conns,wanted=[(201,b'"state":"draft"'),(200,b'"state":"registered"')])
            a,b=cpu.of_session(gw.pid)-a,cpu.of_server(master)-b
            reg=sorted(1000*x for x in m.latencies_s[0::2]); sub=sorted(1000*x for x in m.latencies_s[1::2])
            both=sorted(1000*(a+b) for a,b in zip(m.latencies_s[0::2],m.latencies_s[1::2]))
            report.line(per_s=round(m.per_s/2), web_ms=round(1000*a/n,2), db_ms=round(1000*b/n,2), **{f"{k}_p{q}":round(report.percentile(v,q/100),1) for k,v in (("reg",reg),("sub",sub),("both",both)) for q in (50,99)})
        finally:
            gw.terminate(); gw.wait(10)
if __name__=="__main__":
    main(*map(int,sys.argv[1:]))
