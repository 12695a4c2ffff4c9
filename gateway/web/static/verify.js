"use strict";
/* Checks the container of a case in the reader's own browser (WebCrypto): nothing is sent anywhere, and the page works
   from a saved copy. The same steps, in the same order, as signing/verifier.py; `checkContainer` throws the first thing
   that does not hold, in two languages. */

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const bytesOf = (text) => new TextEncoder().encode(text);
const hexOf = (bytes) => Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
const base64Of = (bytes) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
const fromHex = (text) => {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Error("hex");
  return Uint8Array.from(text.match(/../g) || [], (each) => parseInt(each, 16));
};
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const same = (a, b) => a.length === b.length && a.every((each, at) => each === b[at]);
const joined = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
};

class Broken extends Error {
  constructor(vi, en) {
    super(`${vi} / ${en}`);
    this.vi = vi;
    this.en = en;
  }
}

/* --- the container ------------------------------------------------------------------------------------ */

const MIMETYPE = "application/vnd.etsi.asic-e+zip";
const MANIFEST = "META-INF/ASiCManifest.xml";
const SIGNATURE = "META-INF/signature.p7s";
const MOST_BYTES = 200000000;
const MOST_FILES = 1000;

const noContainer = () => new Broken("Tệp không phải là gói chứng cứ", "The file is no container of evidence");

async function unzipped(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let end = data.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw noContainer();
  const count = view.getUint16(end + 10, true);
  if (count > MOST_FILES) throw noContainer();
  const files = new Map();
  let at = view.getUint32(end + 16, true);
  let total = 0;
  for (let number = 0; number < count; number += 1) {
    if (view.getUint32(at, true) !== 0x02014b50) throw noContainer();
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = UTF8.decode(data.subarray(at + 46, at + 46 + nameLength));
    total += view.getUint32(at + 24, true);
    if (files.has(name) || total > MOST_BYTES || view.getUint32(local, true) !== 0x04034b50) throw noContainer();
    if (number === 0 && name !== "mimetype") throw noContainer();
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    files.set(name, await unpacked(data.subarray(start, start + packed), method));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  if (!files.has("mimetype") || UTF8.decode(files.get("mimetype")) !== MIMETYPE) throw noContainer();
  for (const name of [MANIFEST, SIGNATURE, "evidence.json", "checkpoint.txt"]) {
    if (!files.has(name)) throw new Broken(`Thiếu ${name}`, `${name} is missing`);
  }
  return files;
}

async function unpacked(bytes, method) {
  if (method === 0) return bytes;
  if (method !== 8) throw noContainer();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function checkManifest(files) {
  const bad = new Broken("Không đọc được bảng kê của gói", "The manifest of the container cannot be read");
  const text = UTF8.decode(files.get(MANIFEST));
  if (text.includes("<!")) throw bad;
  const named = new Map();
  const reference = /<(?:\w+:)?DataObjectReference\b([^>]*)>([\s\S]*?)<\/(?:\w+:)?DataObjectReference>/g;
  for (const [, attributes, inside] of text.matchAll(reference)) {
    const uri = /\bURI="([^"]*)"/.exec(attributes);
    const method = /<(?:\w+:)?DigestMethod\b[^>]*\bAlgorithm="http:\/\/www\.w3\.org\/2001\/04\/xmlenc#sha256"/.test(inside);
    const value = /<(?:\w+:)?DigestValue>([^<]*)<\//.exec(inside);
    if (!uri || !method || !value) throw bad;
    named.set(decodeURIComponent(uri[1].replace(/&amp;/g, "&")), value[1].trim());
  }
  for (const [name, content] of files) {
    if (name === "mimetype" || name.startsWith("META-INF/")) continue;
    const wanted = named.get(name);
    if (wanted === undefined) throw new Broken(`${name} không có trong bảng kê`, `${name} is foreign: the manifest does not name it`);
    if (base64Of(await sha256(content)) !== wanted) throw new Broken(`${name} đã bị sửa`, `${name} was changed`);
    named.delete(name);
  }
  for (const name of [...named.keys()].sort()) throw new Broken(`Thiếu ${name}`, `${name} is missing`);
}

/* --- CMS (RFC 5652) -------------------------------------------------------------------------------------- */

function parts(data) {
  const found = [];
  let at = 0;
  while (at < data.length) {
    let length = data[at + 1];
    let start = at + 2;
    if (length & 0x80) {
      const count = length & 0x7f;
      length = data.subarray(start, start + count).reduce((sum, each) => sum * 256 + each, 0);
      start += count;
    }
    if (start + length > data.length) throw new Error("DER");
    found.push({ tag: data[at], content: data.subarray(start, start + length), whole: data.subarray(at, start + length) });
    at = start + length;
  }
  return found;
}

const first = (data) => parts(data)[0];
const inner = (data) => parts(first(data).content);
const of = (values, tag) => values.find((each) => each.tag === tag).content;
const MESSAGE_DIGEST = "2a864886f70d010904";
const HASHES = { "608648016503040201": "SHA-256", "608648016503040202": "SHA-384", "608648016503040203": "SHA-512" };
const EC_KEY = "2a8648ce3d0201";

/* Who signed `content` (null: what the CMS carries itself), and what it was. */
async function signedBy(cms, content) {
  const signed = inner(of(inner(cms), 0xa0));
  const carried = content === null ? first(of(parts(signed[2].content), 0xa0)).content : content;
  const certificates = parts(of(signed.slice(3), 0xa0)).map((each) => each.whole);
  const signer = inner(signed[signed.length - 1].content);
  const hash = HASHES[hexOf(first(signer[2].content).content)];
  const attributes = signer.find((each) => each.tag === 0xa0).whole;
  const digests = inner(attributes).map((each) => parts(each.content)).filter((pair) => hexOf(pair[0].content) === MESSAGE_DIGEST);
  const digest = first(digests[0][1].content).content;
  if (digests.length !== 1 || !same(digest, new Uint8Array(await crypto.subtle.digest(hash, carried)))) throw new Error("digest");
  const [issuer, serial] = parts(signer[1].content);
  const signature = of(signer.slice(4), 0x04);
  for (const each of certificates) {
    const fields = fieldsOf(each);
    if (!same(fields[0].content, serial.content) || !same(fields[2].whole, issuer.whole)) continue;
    if (!(await holds(fields[5].whole, hash, signature, joined([0x31], attributes.subarray(1))))) throw new Error("signature");
    return { name: commonName(fields[4].whole), carried, certificate: each };
  }
  throw new Error("certificate");
}

/* Whether a certificate is the root's own, or was issued by it; `root` is its certificate ("": nobody's is asked for). */
async function leadsTo(certificate, root) {
  if (!root) return true;
  const known = fromBase64(root);
  if (same(certificate, known)) return true;
  const above = fieldsOf(known);
  const [body, , signature] = inner(certificate);
  const named = same(fieldsOf(certificate)[2].whole, above[4].whole);
  return named && holds(above[5].whole, "SHA-256", signature.content.subarray(1), body.whole);
}

/* Of a certificate, from 0 on: serial, algorithm, issuer, validity, subject, key. */
function fieldsOf(certificate) {
  const body = inner(first(certificate).content);
  return body[0].tag === 0xa0 ? body.slice(1) : body;
}

async function holds(spki, hash, signature, data) {
  const isEc = hexOf(inner(inner(spki)[0].whole)[0].content) === EC_KEY;
  const imported = isEc ? { name: "ECDSA", namedCurve: "P-256" } : { name: "RSASSA-PKCS1-v1_5", hash };
  const key = await crypto.subtle.importKey("spki", spki, imported, false, ["verify"]);
  const plain = isEc ? joined(...inner(signature).map((each) => fixed(each.content, 32))) : signature;
  return crypto.subtle.verify(isEc ? { name: "ECDSA", hash } : imported, key, plain, data);
}

/* A whole number of DER as so many bytes. */
function fixed(number, length) {
  const bare = number.subarray(Math.max(number.length - length, 0));
  return joined(new Uint8Array(length - bare.length), bare);
}

function commonName(subject) {
  for (const set of inner(subject)) {
    const [type, value] = inner(set.content);
    if (hexOf(type.content) === "550403") return UTF8.decode(value.content);
  }
  return "";
}

async function checkSignature(files, root) {
  try {
    const signer = await signedBy(files.get(SIGNATURE), files.get(MANIFEST));
    if (!(await leadsTo(signer.certificate, root))) throw new Error("root");
    return signer.name;
  } catch (error) {
    throw new Broken("Chữ ký của gói không đúng", "The signature of the container does not hold");
  }
}

async function checkStamp(files) {
  if (!files.has("checkpoint.tsr")) return "";
  try {
    const told = inner((await signedBy(files.get("checkpoint.tsr"), null)).carried);
    const text = UTF8.decode(files.get("checkpoint.txt"));
    const stamped = parts(told[2].content)[1].content;
    if (!same(stamped, await sha256(bytesOf(`${text.slice(0, text.lastIndexOf("\n\n"))}\n`)))) throw new Error("imprint");
    const at = UTF8.decode(told[4].content);
    return `${at.slice(0, 4)}-${at.slice(4, 6)}-${at.slice(6, 8)}T${at.slice(8, 10)}:${at.slice(10, 12)}:${at.slice(12, 14)}Z`;
  } catch (error) {
    throw new Broken("Dấu thời gian không đúng", "The time-stamp does not hold");
  }
}

/* --- the log (C2SP signed-note, RFC 6962) ------------------------------------------------------------------- */

async function checkpointOf(files, logKey) {
  const bad = new Broken("Chữ ký của sổ không đúng", "The checkpoint is not signed by this log");
  const note = UTF8.decode(files.get("checkpoint.txt"));
  const cut = note.lastIndexOf("\n\n");
  const text = `${note.slice(0, cut)}\n`;
  try {
    const plus = logKey.indexOf("+");
    const name = logKey.slice(0, plus);
    const raw = fromBase64(logKey.slice(logKey.indexOf("+", plus + 1) + 1));
    const id = (await sha256(joined(bytesOf(`${name}\n`), raw))).subarray(0, 4);
    const key = await crypto.subtle.importKey("raw", raw.subarray(1), { name: "Ed25519" }, false, ["verify"]);
    for (const line of note.slice(cut + 2).split("\n")) {
      const words = line.split(" ");
      if (words.length !== 3 || words[1] !== name) continue;
      const signature = fromBase64(words[2]);
      if (!same(signature.subarray(0, 4), id)) continue;
      if (!(await crypto.subtle.verify({ name: "Ed25519" }, key, signature.subarray(4), bytesOf(text)))) throw bad;
      const [origin, size, root] = text.split("\n");
      return { origin, size: Number(size), root: fromBase64(root) };
    }
  } catch (error) {
    if (error.name === "NotSupportedError") {
      throw new Broken(
        "Trình duyệt này quá cũ để kiểm tra chữ ký Ed25519; hãy dùng máy khác",
        "This browser is too old to check an Ed25519 signature: use another one",
      );
    }
    throw bad;
  }
  throw bad;
}

async function checkEvent(told, at, checkpoint) {
  const wrong = new Broken(`Sự kiện thứ ${at} không có trong sổ`, `Event ${at} does not stand in the log as it is told`);
  try {
    if (!Number.isSafeInteger(told.index) || told.index < 0 || told.index >= checkpoint.size) throw wrong;
    let found = await sha256(joined([0], bytesOf(told.leaf)));
    let here = told.index;
    let last = checkpoint.size - 1;
    const half = (number) => Math.floor(number / 2);
    for (const each of told.path.map(fromHex)) {
      if (last === 0 || each.length !== 32) throw wrong;
      if (here % 2 === 1 || here === last) {
        found = await sha256(joined([1], each, found));
        while (here % 2 === 0 && here !== 0) [here, last] = [half(here), half(last)];
      } else {
        found = await sha256(joined([1], found, each));
      }
      [here, last] = [half(here), half(last)];
    }
    if (last !== 0 || !same(found, checkpoint.root)) throw wrong;
    return JSON.parse(told.leaf);
  } catch (error) {
    throw wrong;
  }
}

/* The version of the first event of a thing: these are put down as drafts and intentions, without an event of their own. */
const FIRST = { delivery: 2, legal_receipt: 2 };

function checkOrder(events, leaves) {
  const seen = new Map();
  leaves.forEach((leaf, at) => {
    if (at > 0 && events[at].index <= events[at - 1].index) {
      throw new Broken(`Sự kiện thứ ${at + 1} không đúng thứ tự`, `Event ${at + 1} stands out of order`);
    }
  });
  leaves.forEach((leaf, at) => {
    const name = `${leaf.subject.kind} ${leaf.subject.id}`;
    const before = seen.get(name) || { version: 0, state: null };
    const moved = leaf.to !== null;
    const begins = leaf.version === (FIRST[leaf.subject.kind] || 1);
    const follows = before.version === 0 ? begins : leaf.version === before.version || leaf.version === before.version + 1;
    const leads = !moved || before.version === 0 || leaf.version !== before.version + 1 || leaf.from === before.state;
    if (!follows || !leads) {
      throw new Broken(`Thiếu một sự kiện trước sự kiện thứ ${at + 1}`, `An event before event ${at + 1} is missing`);
    }
    seen.set(name, { version: leaf.version, state: moved ? leaf.to : before.state });
  });
}

/* Canonical JSON (RFC 8785) of text, whole numbers, lists and objects. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

async function checkOpened(opened, leaf, at, caseCode) {
  const committed = { ...leaf.committed, case: leaf.case };
  for (const [name, each] of Object.entries(opened)) {
    const key = await crypto.subtle.importKey("raw", fromHex(each.salt), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const found = hexOf(new Uint8Array(await crypto.subtle.sign("HMAC", key, bytesOf(canonical(each.value)))));
    if (found !== committed[name]) {
      throw new Broken(`${name} của sự kiện thứ ${at} không đúng`, `${name} of event ${at} is not what was recorded`);
    }
  }
  if (opened.case && opened.case.value !== caseCode) {
    throw new Broken(`Sự kiện thứ ${at} là của hồ sơ khác`, `Event ${at} is foreign: it is of another case`);
  }
}

/* The values of an event: those that its leaf shows, and those that are opened. */
function valuesOf(told, leaf) {
  const values = { ...leaf.data };
  for (const [name, each] of Object.entries(told.opened)) values[name] = each.value;
  return values;
}

async function checkPapers(files, events, leaves) {
  const wanted = new Map();
  for (const [at, leaf] of leaves.entries()) {
    const values = valuesOf(events[at], leaf);
    if (["receipt.issued", "receipt.completed"].includes(leaf.type) && values.pdf_sha256 !== undefined) {
      wanted.set(`receipts/${values.receipt_number}.pdf`, values.pdf_sha256);
      if (values.json_sha256) wanted.set(`receipts/${values.receipt_number}.json`, values.json_sha256);
    }
    if (values.submission_receipt_sha256) wanted.set("submission-receipt.jws", values.submission_receipt_sha256);
  }
  for (const [name, digest] of wanted) {
    if (!files.has(name)) throw new Broken(`Thiếu ${name}`, `${name} is missing`);
    if (hexOf(await sha256(files.get(name))) !== digest) {
      throw new Broken(`${name} không phải là tệp đã cấp`, `${name} is not the one that was issued`);
    }
  }
  for (const name of files.keys()) {
    if (name.startsWith("receipts/") && !wanted.has(name)) {
      throw new Broken(`${name} không phải của hồ sơ này`, `${name} is foreign: no event issued it`);
    }
  }
}

/* What holds of a signed PDF: its newest signature covers the whole file, and its signer leads to our root. */
async function checkReceipt(data, root) {
  const changed = new Broken("Tệp PDF đã bị sửa sau khi ký, hoặc chữ ký không đúng", "The PDF was changed after it was signed, or its signature does not hold");
  const text = new TextDecoder("latin1").decode(data);
  const range = [...text.matchAll(/\/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]/g)].pop();
  if (!range) throw new Broken("Tệp PDF không có chữ ký số", "The PDF is not signed");
  const [start, before, after, rest] = range.slice(1).map(Number);
  const contents = text.slice(before, after);
  if (start !== 0 || after + rest !== data.length || !/^<[0-9A-Fa-f]+>$/.test(contents)) throw changed;
  let signer;
  try {
    const cms = fromHex(contents.slice(1, -1).toLowerCase());
    signer = await signedBy(first(cms).whole, joined(data.subarray(0, before), data.subarray(after)));
  } catch (error) {
    throw changed;
  }
  if (!(await leadsTo(signer.certificate, root).catch(() => false))) {
    throw new Broken("Chữ ký không phải của chúng tôi", "The signature is not ours");
  }
  return {
    vi: `Tệp PDF còn nguyên như khi ${signer.name} ký.`,
    en: `The PDF is as it was when ${signer.name} signed it.`,
    leaves: [],
  };
}

/* What holds, as two sentences and the events; `logKey` is the published key of the log ("": the one in the file). */
async function checkContainer(data, logKey, root) {
  const files = await unzipped(data);
  await checkManifest(files);
  const name = await checkSignature(files, root);
  let told;
  try {
    told = JSON.parse(UTF8.decode(files.get("evidence.json")));
  } catch (error) {
    throw new Broken("Không đọc được evidence.json", "evidence.json cannot be read");
  }
  const checkpoint = await checkpointOf(files, logKey || told.log.key);
  const leaves = [];
  for (const [at, each] of told.events.entries()) leaves.push(await checkEvent(each, at + 1, checkpoint));
  if (leaves.length === 0) throw new Broken("Tệp không có sự kiện nào", "The file has no events");
  checkOrder(told.events, leaves);
  for (const [at, each] of told.events.entries()) await checkOpened(each.opened, leaves[at], at + 1, told.case_code);
  await checkPapers(files, told.events, leaves);
  const stamp = await checkStamp(files);
  const [start, end, log] = [leaves[0].recorded_at, leaves[leaves.length - 1].recorded_at, checkpoint.origin];
  let vi = `Hồ sơ ${told.case_code}: ${leaves.length} sự kiện từ ${start} đến ${end} còn nguyên, đúng thứ tự trong sổ ${log} (${checkpoint.size} lá)`;
  let en = `Case ${told.case_code}: ${leaves.length} events from ${start} to ${end} are whole and in order in the log ${log} (${checkpoint.size} leaves)`;
  if (stamp) {
    vi += `, sổ có dấu thời gian ${stamp}`;
    en += `, which was time-stamped at ${stamp}`;
  }
  if (!logKey) {
    vi += "; khóa của sổ lấy từ chính tệp này, hãy so với khóa đã công bố";
    en += "; the key of the log is the one in this file: compare it with the published one";
  }
  return { vi: `${vi}.`, en: `${en}.`, signedBy: name, leaves, caseCode: told.case_code };
}

/* --- the page -------------------------------------------------------------------------------------------------- */

function line(parent, tag, vi, en) {
  const made = document.createElement(tag);
  const english = document.createElement("span");
  english.lang = "en";
  english.textContent = en;
  made.append(`${vi} `, english);
  parent.append(made);
  return made;
}

async function showOutcome(file, place, { logKey = "", paperRoot = "" }) {
  place.replaceChildren();
  line(place, "p", "Đang kiểm tra…", "Checking…");
  let outcome;
  try {
    if (file.size > MOST_BYTES) throw noContainer();
    const data = new Uint8Array(await file.arrayBuffer());
    const isPdf = data.length > 5 && String.fromCharCode(...data.subarray(0, 5)) === "%PDF-";
    outcome = isPdf ? await checkReceipt(data, paperRoot) : await checkContainer(data, logKey, paperRoot);
  } catch (error) {
    const broken = error instanceof Broken ? error : noContainer();
    place.replaceChildren();
    line(place, "p", `Không hợp lệ: ${broken.vi}.`, `Not valid: ${broken.en}.`).className = "problem";
    place.dataset.outcome = "broken";
    return;
  }
  place.replaceChildren();
  line(place, "p", `Hợp lệ. ${outcome.vi}`, `Valid. ${outcome.en}`).className = "good";
  const list = document.createElement("ol");
  list.className = "timeline";
  for (const leaf of outcome.leaves) {
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = new Date(leaf.recorded_at).toLocaleString("vi-VN", { timeZone: "Asia/Ho_Chi_Minh" });
    item.append(time, leaf.type);
    list.append(item);
  }
  place.append(list);
  place.dataset.outcome = "valid";
}

if (typeof document !== "undefined") {
  const input = document.getElementById("container");
  const place = document.getElementById("outcome");
  if (input && place) {
    const known = { ...input.dataset };
    input.addEventListener("change", () => input.files[0] && showOutcome(input.files[0], place, known));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) showOutcome(event.dataTransfer.files[0], place, known);
    });
    input.disabled = false;
  }
}
