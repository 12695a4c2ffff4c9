"use strict";
/* Checks the container of a case in the reader's own browser (WebCrypto): nothing is sent anywhere, and the page works
   from a saved copy. The same steps, in the same order and the same words, as signing/verifier.py; `checkContainer`
   throws the first thing that does not hold, in two languages. */

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LATIN1 = new TextDecoder("latin1");
const bytesOf = (text) => new TextEncoder().encode(text);
const hexOf = (bytes) => Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
const base64Of = (bytes) => btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
const fromBase64 = (text) => {
  const raw = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  if (base64Of(raw) !== text) throw new Error("base64");
  return raw;
};
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

/* --- the ZIP, which is read as the only one that its files make ------------------------------------------ */

const VERSION = 1;
const MIMETYPE = "mimetype";
const MANIFEST = "META-INF/ASiCManifest.xml";
const SIGNATURE = "META-INF/signature.p7s";
const ASIC_E = "application/vnd.etsi.asic-e+zip";
const MOST_BYTES = 200000000;
const MOST_FILES = 1000;
const MOST_NAME = 200;
const MOST_DEPTH = 16;
const MOST_SHOWN = 80;
const FIXED = ["README.txt", "evidence.json", "checkpoint.txt", "checkpoint.tsr", "keys.json", MIMETYPE, MANIFEST, SIGNATURE];
const STEP = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
const NAME = new RegExp(`^(?:${STEP}/){0,3}${STEP}$`);
const HEX = /^[0-9a-f]{64}$/;
const LOCAL = 0x04034b50;

const noContainer = () => new Broken("Tệp không phải là gói chứng cứ", "The file is no container of evidence");

/* Whole numbers of two and four bytes, the smallest byte first: [value, bytes]. */
function packed(...fields) {
  const all = new DataView(new ArrayBuffer(fields.reduce((sum, [, bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 2) all.setUint16(at, value, true);
    else all.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(all.buffer);
}

const CRC = Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (const each of bytes) value = CRC[(value ^ each) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function unzipped(data) {
  const files = new Map();
  const folded = new Set();
  const directory = [];
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const begins = (at) => at + 4 <= data.length && view.getUint32(at, true) === LOCAL;
  let at = 0;
  while (data.length <= MOST_BYTES && files.size < MOST_FILES && begins(at)) {
    const { name, content, central } = entryAt(data, at);
    if (folded.has(name.toLowerCase())) throw new Broken(`${name} có hai lần trong gói`, `${name} stands twice in the container`);
    folded.add(name.toLowerCase());
    files.set(name, content);
    directory.push(central);
    at += 30 + name.length + content.length;
  }
  if ([...files.keys()][0] !== MIMETYPE || LATIN1.decode(files.get(MIMETYPE)) !== ASIC_E) throw noContainer();
  const listed = joined(...directory);
  const end = packed([0x06054b50, 4], [0, 2], [0, 2], [files.size, 2], [files.size, 2], [listed.length, 4], [at, 4], [0, 2]);
  if (!same(data.subarray(at), joined(listed, end))) {
    throw new Broken("Mục lục của gói không khớp với các tệp", "The directory of the container is not that of its files");
  }
  for (const name of [MANIFEST, SIGNATURE, "evidence.json", "checkpoint.txt"]) {
    if (!files.has(name)) throw new Broken(`Thiếu ${name}`, `${name} is missing`);
  }
  const ends = [MIMETYPE, MANIFEST, SIGNATURE];
  const named = [...files.keys()].filter((name) => !ends.includes(name)).sort();
  if ([...files.keys()].join("\n") !== [MIMETYPE, ...named, MANIFEST, SIGNATURE].join("\n")) {
    throw new Broken("Các tệp trong gói không đúng thứ tự", "The files of the container stand out of order");
  }
  return files;
}

/* Name and content of the file that stands at `at`, and its entry of the directory. */
function entryAt(data, at) {
  const header = new Uint8Array(30);
  header.set(data.subarray(at, at + 30));
  const view = new DataView(header.buffer);
  const [crc, size, nameSize] = [view.getUint32(14, true), view.getUint32(22, true), view.getUint16(26, true)];
  const start = at + 30 + nameSize;
  const raw = data.subarray(at + 30, start);
  const name = Array.from(raw, (each) => String.fromCharCode(each)).join("");
  const content = data.subarray(start, start + size);
  if (name.length > MOST_NAME || !NAME.test(name)) {
    throw new Broken("Gói có tên tệp không đúng", "A file of the container has a name that is not allowed");
  }
  const shared = [[20, 2], [0, 2], [0, 2], [0, 2], [33, 2], [crc, 4], [size, 4], [size, 4], [nameSize, 2], [0, 2]];
  if (!same(header, packed([LOCAL, 4], ...shared))) {
    throw new Broken(`Phần đầu của ${name} trong gói không đúng`, `The header of ${name} is not as it was written`);
  }
  if (content.length !== size) throw new Broken(`${name} bị cắt cụt`, `${name} is cut off`);
  if (crc32(content) !== crc) throw new Broken(`${name} đã bị sửa`, `${name} was changed`);
  const more = [[0, 2], [0, 2], [0, 2], [0o100644 * 65536, 4], [at, 4]];
  return { name, content, central: joined(packed([0x02014b50, 4], [(3 << 8) | 20, 2], ...shared, ...more), raw) };
}

const MANIFEST_BEGIN = `<?xml version="1.0" encoding="UTF-8"?>
<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
<asic:SigReference URI="${SIGNATURE}" MimeType="application/pkcs7-signature"/>
`;
const manifestPart = (name, value) => `<asic:DataObjectReference URI="${name}">
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>${value}</ds:DigestValue>
</asic:DataObjectReference>
`;
const REFERENCE = /URI="([^"\n]*)">\n[^\n]*<ds:DigestValue>([^<\n]*)</g;

/* Each file is the one that the manifest names. It is read in the one way in which it is written. */
async function checkManifest(files) {
  const text = Array.from(files.get(MANIFEST), (each) => String.fromCharCode(each)).join("");
  const found = [...text.matchAll(REFERENCE)].map(([, name, value]) => [name, value]);
  const told = found.map(([name, value]) => manifestPart(name, value)).join("");
  const named = new Map(found);
  const ordered = found.map(([name]) => name).sort();
  if (text !== `${MANIFEST_BEGIN}${told}</asic:ASiCManifest>\n` || [...named.keys()].join("\n") !== ordered.join("\n")) {
    throw new Broken("Không đọc được bảng kê của gói", "The manifest of the container cannot be read");
  }
  for (const [name, content] of files) {
    if ([MIMETYPE, MANIFEST, SIGNATURE].includes(name)) continue;
    const wanted = named.get(name);
    if (wanted === undefined) throw new Broken(`${name} không có trong bảng kê`, `${name} is foreign: the manifest does not name it`);
    if (base64Of(await sha256(content)) !== wanted) throw new Broken(`${name} đã bị sửa`, `${name} was changed`);
    named.delete(name);
  }
  for (const name of named.keys()) throw new Broken(`Thiếu ${shown(name)}`, `${shown(name)} is missing`);
}

/* --- CMS (RFC 5652) -------------------------------------------------------------------------------------- */

/* The DER value that stands at a place of `data`: its tag, its content and the whole of it. */
function partAt(data, at) {
  let length = data[at + 1];
  let start = at + 2;
  if (length === undefined) throw new Error("DER");
  if (length & 0x80) {
    const count = length & 0x7f;
    length = data.subarray(start, start + count).reduce((sum, each) => sum * 256 + each, 0);
    start += count;
  }
  if (start + length > data.length) throw new Error("DER");
  return { tag: data[at], content: data.subarray(start, start + length), whole: data.subarray(at, start + length) };
}

function parts(data) {
  const found = [];
  for (let at = 0; at < data.length; at += found[found.length - 1].whole.length) found.push(partAt(data, at));
  return found;
}

function der(tag, ...inside) {
  const content = joined(...inside);
  const length = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const head = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length];
  return joined(head, content);
}

const first = (data) => partAt(data, 0);
const inner = (data) => parts(first(data).content);
const of = (values, tag) => values.find((each) => each.tag === tag).content;
const ONE = fromHex("020101");
const DATA = fromHex("06092a864886f70d010701");
const SIGNED_DATA = fromHex("06092a864886f70d010702");
const MESSAGE_DIGEST = "2a864886f70d010904";
const HASHES = { "608648016503040201": "SHA-256", "608648016503040202": "SHA-384", "608648016503040203": "SHA-512" };
const ECDSA = { "300a06082a8648ce3d040302": "SHA-256", "300a06082a8648ce3d040303": "SHA-384", "300a06082a8648ce3d040304": "SHA-512" };
const RSA = {
  "300d06092a864886f70d01010b0500": "SHA-256",
  "300d06092a864886f70d01010c0500": "SHA-384",
  "300d06092a864886f70d01010d0500": "SHA-512",
};
/* Of SHA-256 to 512: the algorithm with the parameter NULL and without one, and how a signature by it is told. */
const SPELLED = new Map(
  [1, 2, 3].flatMap((number) => {
    const hash = HASHES[`60864801650304020${number}`];
    const told = [...Object.entries(ECDSA), ...Object.entries(RSA)].filter((each) => each[1] === hash).map((each) => each[0]);
    const protections = [...told, "300d06092a864886f70d0101010500"];
    return [[`300d060960864801650304020${number}0500`, protections], [`300b060960864801650304020${number}`, protections]];
  }),
);
const EC_KEY = "2a8648ce3d0201";
const CURVES = { "2a8648ce3d030107": ["P-256", 32], "2b81040022": ["P-384", 48] };
const LEAST_RSA_BITS = 2048;

/* Nothing stands in the CMS that its signature would not cover. */
function requireOneSpelling(cms) {
  const signed = inner(of(inner(cms), 0xa0));
  const info = inner(signed[4].content);
  const [digest, protection] = [info[2].whole, info[4].whole];
  const [issuer, serial] = parts(info[1].content);
  const who = der(0x30, issuer.whole, der(0x02, serial.content));
  const told = der(0x30, ONE, who, ...info.slice(2, 6).map((each) => each.whole));
  const whole = der(0x30, ONE, der(0x31, digest), der(0x30, DATA), der(0xa0, signed[3].content), der(0x31, told));
  const tags = info.slice(1).map((each) => each.tag);
  if (!(SPELLED.get(hexOf(digest)) || []).includes(hexOf(protection))) throw new Error("algorithm");
  if (tags.join() !== [0x30, 0x30, 0xa0, 0x30, 0x04].join()) throw new Error("signer");
  if (!same(cms, der(0x30, SIGNED_DATA, der(0xa0, whole)))) throw new Error("more than a detached signature");
}

/* Who signed `content` (null: what the CMS carries itself), and what it was. */
async function signedBy(cms, content) {
  const signed = inner(of(inner(cms), 0xa0));
  const carried = content === null ? first(of(parts(signed[2].content), 0xa0)).content : content;
  const bag = parts(of(signed.slice(3), 0xa0)).map((each) => each.whole);
  const signer = inner(signed[signed.length - 1].content);
  const hash = HASHES[hexOf(first(signer[2].content).content)];
  const attributes = signer.find((each) => each.tag === 0xa0).whole;
  const digests = inner(attributes).map((each) => parts(each.content)).filter((pair) => hexOf(pair[0].content) === MESSAGE_DIGEST);
  const digest = first(digests[0][1].content).content;
  if (digests.length !== 1) throw new Error("digests");
  if (!same(digest, new Uint8Array(await crypto.subtle.digest(hash, carried)))) throw new Unsigned();
  const [issuer, serial] = parts(signer[1].content);
  const signature = of(signer.slice(4), 0x04);
  for (const each of bag) {
    const fields = fieldsOf(each);
    if (!same(fields[0].content, serial.content) || !same(fields[2].whole, issuer.whole)) continue;
    if (!(await holds(fields[5].whole, hash, signature, joined([0x31], attributes.subarray(1))))) throw new Unsigned();
    return { name: commonName(fields[4].whole), carried, certificate: each, bag };
  }
  throw new Error("certificate");
}

/* A signature that can be read and does not hold. */
class Unsigned extends Error {}

/* Whether a certificate was issued by another one, both of them whole. */
async function isIssued(certificate, issuer) {
  try {
    const [body, algorithm, signature] = inner(certificate);
    const version = first(body.content).tag === 0xa0 ? 1 : 0;
    const hash = ECDSA[hexOf(algorithm.whole)] || RSA[hexOf(algorithm.whole)];
    const plain = der(0x30, body.whole, algorithm.whole, der(0x03, [0], signature.content.subarray(1)));
    if (!hash || !same(plain, certificate) || !same(parts(body.content)[version + 1].whole, algorithm.whole)) return false;
    const above = fieldsOf(issuer);
    if (!same(fieldsOf(certificate)[2].whole, above[4].whole)) return false;
    return await holds(above[5].whole, hash, signature.content.subarray(1), body.whole);
  } catch (error) {
    return false;
  }
}

/* Whether a certificate is the root's own, or was issued by it; `root` is its certificate ("": nobody's is asked for). */
async function leadsTo(certificate, root) {
  if (!root) return true;
  const known = fromBase64(root);
  return same(certificate, known) || isIssued(certificate, known);
}

/* Each certificate is as its issuer signed it; the uppermost issuer may be missing where no root is given. */
async function requireWhole(checked, bag, root) {
  const known = root ? [...bag, fromBase64(root)] : bag;
  for (const each of checked) {
    const above = known.filter((issuer) => same(fieldsOf(issuer)[4].whole, fieldsOf(each)[2].whole));
    const issued = await Promise.all(above.map((issuer) => isIssued(each, issuer)));
    if (!issued.includes(true) && (above.length > 0 || root)) throw new Unsigned();
  }
}

/* Of a certificate, from 0 on: serial, algorithm, issuer, validity, subject, key. */
function fieldsOf(certificate) {
  const body = inner(first(certificate).content);
  return body[0].tag === 0xa0 ? body.slice(1) : body;
}

async function holds(spki, hash, signature, data) {
  const named = inner(inner(spki)[0].whole);
  const isEc = hexOf(named[0].content) === EC_KEY;
  const [curve, bytes] = isEc ? CURVES[hexOf(named[1].content)] : [];
  const imported = isEc ? { name: "ECDSA", namedCurve: curve } : { name: "RSASSA-PKCS1-v1_5", hash };
  const key = await crypto.subtle.importKey("spki", spki, imported, false, ["verify"]);
  if (!isEc && key.algorithm.modulusLength < LEAST_RSA_BITS) throw new Error("short key");
  if (!isEc) return crypto.subtle.verify(imported, key, signature, data);
  const numbers = inner(signature).map((each) => fixed(each.content, bytes));
  const plain = der(0x30, ...numbers.map(signedNumber));
  return same(plain, signature) && crypto.subtle.verify({ name: "ECDSA", hash }, key, joined(...numbers), data);
}

/* A whole number of DER as so many bytes, and back. */
function fixed(number, length) {
  const bare = number.subarray(Math.max(number.length - length, 0));
  return joined(new Uint8Array(length - bare.length), bare);
}

function signedNumber(number) {
  const begin = number.findIndex((each) => each !== 0);
  const bare = number.subarray(begin < 0 ? number.length - 1 : begin);
  return der(0x02, bare[0] & 0x80 ? [0] : [], bare);
}

function commonName(subject) {
  for (const set of inner(subject)) {
    const [type, value] = inner(set.content);
    if (hexOf(type.content) === "550403") return UTF8.decode(value.content);
  }
  return "";
}

async function checkSignature(files, root) {
  let signer;
  let isKnown;
  try {
    requireOneSpelling(files.get(SIGNATURE));
    signer = await signedBy(files.get(SIGNATURE), files.get(MANIFEST));
    isKnown = await leadsTo(signer.certificate, root);
    const checked = signer.bag.filter((each) => isKnown || !same(each, signer.certificate));
    await requireWhole(checked, signer.bag, root);
  } catch (error) {
    if (error instanceof Unsigned) throw new Broken("Chữ ký của gói không đúng", "The signature of the container does not hold");
    throw new Broken("Không đọc được chữ ký của gói", "The signature of the container cannot be read");
  }
  if (!isKnown) {
    throw new Broken(
      `Gói do ${shown(signer.name)} ký, không phải người ký đã biết`,
      `The container is signed by ${shown(signer.name)}, who is not under the given root`,
    );
  }
  return signer.name;
}

/* When and by whom the checkpoint was seen (RFC 3161). */
async function checkStamp(files) {
  if (!files.has("checkpoint.tsr")) return { at: "", by: "" };
  const wrong = new Broken("Dấu thời gian không đúng", "The time-stamp does not hold");
  let imprint;
  let at;
  let by;
  try {
    const signer = await signedBy(files.get("checkpoint.tsr"), null);
    const told = inner(signer.carried);
    imprint = parts(told[2].content)[1].content;
    at = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(UTF8.decode(told[4].content));
    by = signer.name;
  } catch (error) {
    throw wrong;
  }
  const text = LATIN1.decode(files.get("checkpoint.txt"));
  const signed = files.get("checkpoint.txt").subarray(0, Math.max(text.lastIndexOf("\n\n"), 0) + 1);
  const moment = at ? `${at[1]}-${at[2]}-${at[3]}T${at[4]}:${at[5]}:${at[6]}.000000Z` : "";
  if (!isMoment(moment)) throw wrong;
  if (!same(imprint, await sha256(signed))) throw new Broken("Dấu thời gian là của sổ khác", "The time-stamp is of another checkpoint");
  return { at: moment, by };
}

/* --- the log (C2SP signed-note, RFC 6962) ------------------------------------------------------------------- */

async function checkCheckpoint(raw, key, ownKey) {
  const found = await logSigned(raw, key || ownKey);
  if (found) return found;
  const foreign = key ? await logSigned(raw, ownKey) : null;
  if (foreign) {
    const other = `${shown(foreign.origin)}, ${shown(ownKey.split("+")[1])}`;
    throw new Broken(`Gói là của sổ khác (${other})`, `The container is of another log (${other})`);
  }
  throw new Broken("Chữ ký của sổ không đúng", "The checkpoint is not signed by this log");
}

/* What the checkpoint says, where this key signed it. */
async function logSigned(raw, logKey) {
  const [name, toldId = "", ...rest] = logKey.trim().split("+");
  let known;
  let key;
  try {
    known = fromBase64(rest.join("+"));
    key = await crypto.subtle.importKey("raw", known.subarray(1), { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    if (error.name === "NotSupportedError") {
      throw new Broken(
        "Trình duyệt này quá cũ để kiểm tra chữ ký Ed25519; hãy dùng máy khác",
        "This browser is too old to check an Ed25519 signature: use another one",
      );
    }
    throw new Broken("Khóa của sổ không đọc được", "The key of the log cannot be read");
  }
  const id = (await sha256(joined(bytesOf(`${name}\n`), known))).subarray(0, 4);
  const note = new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw);
  const cut = note.lastIndexOf("\n\n");
  const [text, lines] = cut < 0 ? ["", note] : [note.slice(0, cut), note.slice(cut + 2)];
  for (const line of lines.split("\n")) {
    const words = line.split(" ");
    if (words.length !== 3 || words[0] !== "—" || words[1] !== name) continue;
    try {
      const signature = fromBase64(words[2]);
      if (!same(signature.subarray(0, 4), id) || hexOf(id) !== toldId || known[0] !== 1) continue;
      if (!(await crypto.subtle.verify({ name: "Ed25519" }, key, signature.subarray(4), bytesOf(`${text}\n`)))) return null;
      const [origin, size = "", root = ""] = text.split("\n");
      const tree = fromBase64(root);
      if (!origin || !/^(0|[1-9][0-9]{0,14})$/.test(size) || tree.length !== 32) return null;
      return { origin, size: Number(size), root: tree };
    } catch (error) {
      return null;
    }
  }
  return null;
}

async function checkEvent(told, at, checkpoint) {
  const wrong = new Broken(`Sự kiện thứ ${at} không có trong sổ`, `Event ${at} does not stand in the log as it is told`);
  if (!isObject(told)) throw wrong;
  const body = bytesOf(textOf(told, "leaf"));
  const index = member(told, "index", Number.isSafeInteger);
  const path = member(told, "path", Array.isArray);
  const isPath = path.every((each) => typeof each === "string" && HEX.test(each));
  if (!isPath || index < 0 || index >= checkpoint.size) throw wrong;
  let found = await sha256(joined([0], body));
  let [here, last] = [index, checkpoint.size - 1];
  const half = (number) => Math.floor(number / 2);
  for (const each of path.map(fromHex)) {
    if (last === 0) throw wrong;
    if (here % 2 === 1 || here === last) {
      found = await sha256(joined([1], each, found));
      while (here % 2 === 0 && here !== 0) [here, last] = [half(here), half(last)];
    } else {
      found = await sha256(joined([1], found, each));
    }
    [here, last] = [half(here), half(last)];
  }
  if (last !== 0 || !same(found, checkpoint.root)) throw wrong;
  const leaf = readJson(body, `sự kiện thứ ${at}`, `event ${at}`);
  textOf(leaf, "type");
  return leaf;
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
    const subject = member(leaf, "subject", isObject);
    const kind = textOf(subject, "kind");
    const name = JSON.stringify([kind, textOf(subject, "id")]);
    const [version, begins, state] = [member(leaf, "version", Number.isSafeInteger), stateOf(leaf, "from"), stateOf(leaf, "to")];
    const before = seen.get(name) || { version: 0, state: null };
    const moved = state !== null;
    const starts = version === (Object.hasOwn(FIRST, kind) ? FIRST[kind] : 1);
    const follows = before.version === 0 ? starts : version === before.version || version === before.version + 1;
    const leads = !moved || before.version === 0 || version !== before.version + 1 || begins === before.state;
    if (!follows || !leads) {
      throw new Broken(`Thiếu một sự kiện trước sự kiện thứ ${at + 1}`, `An event before event ${at + 1} is missing`);
    }
    seen.set(name, { version, state: moved ? state : before.state });
  });
}

/* What is opened is what was recorded, and of this case; of who was forgotten nothing is opened. */
async function checkOpened(opened, leaf, at, caseCode, isForgotten) {
  const committed = new Map([...Object.entries(member(leaf, "committed", isObject)), ["case", leaf.case]]);
  for (const name of Object.keys(opened).sort()) {
    const each = opened[name];
    const wrong = new Broken(`${shown(name)} của sự kiện thứ ${at} không đúng`, `${shown(name)} of event ${at} is not what was recorded`);
    const isTold = isObject(each) && Object.keys(each).sort().join() === "salt,value";
    if (!isTold || typeof each.salt !== "string" || !HEX.test(each.salt) || isForgotten) throw wrong;
    const key = await crypto.subtle.importKey("raw", fromHex(each.salt), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const found = hexOf(new Uint8Array(await crypto.subtle.sign("HMAC", key, bytesOf(canonical(each.value)))));
    if (found !== committed.get(name)) throw wrong;
  }
  if (!isForgotten && (!Object.hasOwn(opened, "case") || opened.case.value !== caseCode)) {
    throw new Broken(`Sự kiện thứ ${at} là của hồ sơ khác`, `Event ${at} is foreign: it is of another case`);
  }
}

/* --- the papers ---------------------------------------------------------------------------------------------- */

/* The values of an event: those that its leaf shows, and those that are opened. */
function valuesOf(told, leaf) {
  const values = { ...member(leaf, "data", isObject) };
  for (const [name, each] of Object.entries(told.opened)) values[name] = each.value;
  return values;
}

async function checkPapers(files, events) {
  const wanted = new Map();
  for (const [type, values] of events) for (const [name, digest] of named(type, values)) wanted.set(name, digest);
  for (const [name, digest] of wanted) {
    if (!files.has(name)) {
      if (name.startsWith("orders/")) continue; // they hold what concerns a person, and are given to who may see it
      throw new Broken(`Thiếu ${shown(name)}`, `${shown(name)} is missing`);
    }
    if (hexOf(await sha256(files.get(name))) !== digest) {
      throw new Broken(`${name} không phải là tệp đã cấp`, `${name} is not the one that was issued`);
    }
  }
  for (const name of files.keys()) {
    if (!FIXED.includes(name) && !wanted.has(name)) {
      throw new Broken(`${name} không phải của hồ sơ này`, `${name} is foreign: no event issued it`);
    }
  }
  const stem = (name) => name.slice(name.lastIndexOf("/") + 1, name.lastIndexOf("."));
  const of_ = (kind) => [...new Set([...files.keys()].filter((name) => name.startsWith(`${kind}/`)).map(stem))].sort();
  return { receipts: of_("receipts"), papers: of_("papers"), orders: of_("orders") };
}

/* The files that an event names, with the SHA-256 of each; none where nothing is opened. */
function named(type, values) {
  const found = [];
  const [noun, ...rest] = type.split(".");
  const isPaper = ["receipt", "paper"].includes(noun) && ["issued", "completed"].includes(rest.join("."));
  if (isPaper && Object.hasOwn(values, "pdf_sha256")) {
    const name = `${noun}s/${textOf(values, noun === "receipt" ? "receipt_number" : "paper_id")}`;
    for (const kind of ["pdf", "json", "xml"]) {
      if (kind === "pdf" || Object.hasOwn(values, `${kind}_sha256`)) found.push([`${name}.${kind}`, textOf(values, `${kind}_sha256`)]);
    }
  }
  if (Object.hasOwn(values, "submission_receipt_sha256")) {
    found.push(["submission-receipt.jws", textOf(values, "submission_receipt_sha256")]);
  }
  const cause = Object.hasOwn(values, "cause") && typeof values.cause === "string" ? values.cause : "";
  const ordered = type === "payment.created" ? /^inbox:([0-9]{1,19}):([0-9a-f]{64})$/.exec(cause) : null;
  if (ordered) found.push([`orders/${ordered[1]}.http`, ordered[2]]);
  return found;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isText = (value) => typeof value === "string";

/* An object that is written as RFC 8785 says, of text, whole numbers, lists and objects with ASCII names. */
function readJson(data, vi, en) {
  let value = null;
  let isCanonical = false;
  try {
    value = JSON.parse(UTF8.decode(data));
    isCanonical = isPlain(value, 0) && same(bytesOf(canonical(value)), data);
  } catch (error) {
    isCanonical = false;
  }
  if (!isCanonical || !isObject(value)) {
    throw new Broken(`Không đọc được ${vi} theo dạng chuẩn RFC 8785`, `${en} cannot be read as canonical JSON (RFC 8785)`);
  }
  return value;
}

function isPlain(value, depth) {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (typeof value === "string") return value.isWellFormed ? value.isWellFormed() : !/\p{Cs}/u.test(value);
  if (value === null || typeof value === "boolean") return true;
  const isAscii = Array.isArray(value) || Object.keys(value).every((name) => /^[\x00-\x7f]*$/.test(name));
  return depth < MOST_DEPTH && isAscii && Object.values(value).every((each) => isPlain(each, depth + 1));
}

/* Canonical JSON (RFC 8785) of text, whole numbers, lists and objects. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

function member(value, name, isKind) {
  const found = Object.hasOwn(value, name) ? value[name] : undefined;
  if (!isKind(found)) throw new Broken(`Thiếu hoặc sai ${name}`, `${name} is missing or wrong`);
  return found;
}

const textOf = (value, name) => member(value, name, isText);
const stateOf = (leaf, name) => ((leaf[name] ?? null) === null ? null : textOf(leaf, name));

/* Whether a text is a time as the log writes it, and there is such a time. */
function isMoment(text) {
  if (!/^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$/.test(text)) return false;
  const at = new Date(`${text.slice(0, 23)}Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 23) === text.slice(0, 23);
}

const momentOf = (value, name) => member(value, name, (text) => isText(text) && isMoment(text));

/* A time of the log in Vietnam's time, as people say it in Vietnamese and in English. */
function spoken(text) {
  const there = new Date(new Date(`${text.slice(0, 23)}Z`).getTime() + 7 * 3600 * 1000).toISOString();
  const [year, month, day, time] = [there.slice(0, 4), there.slice(5, 7), there.slice(8, 10), there.slice(11, 16)];
  return [`lúc ${time} ngày ${day}/${month}/${year}`, `at ${time} on ${day}/${month}/${year}`];
}

/* A name out of a file on one line: nothing that turns the writing round. */
function shown(text) {
  const plain = Array.from(text, (each) => (/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u.test(each) ? "?" : each));
  return plain.length <= MOST_SHOWN ? plain.join("") : `${plain.slice(0, MOST_SHOWN).join("")}…`;
}

/* --- PDF ----------------------------------------------------------------------------------------------------- */

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

/* --- what holds ---------------------------------------------------------------------------------------------- */

/* What a citizen is told of, in his words. */
const STEPS = {
  "case.registered": ["đã nộp", "submitted"],
  "case.accepted": ["được tiếp nhận", "accepted"],
  "case.refused": ["không được tiếp nhận", "not accepted"],
  "case.withdrawn": ["đã rút", "withdrawn"],
  "case.stopped": ["dừng xử lý", "stopped"],
  "payment.succeeded": ["đã nhận được tiền", "the money received"],
  "refund.succeeded": ["đã hoàn tiền", "the money given back"],
  "case.result_ready": ["có kết quả", "the result ready"],
  "case.result_delivered": ["đã trả kết quả", "the result handed over"],
};

/* All of it in one sentence of the language, 0 Vietnamese or 1 English. */
function sentenceOf(proof, language) {
  const [first, last] = [spoken(proof.firstAt)[language], spoken(proof.lastAt)[language]];
  const steps = proof.steps.map(([type, at]) => `${STEPS[type][language]} ${spoken(at)[language]}`).join(", ");
  const log = `${shown(proof.origin)} (${proof.size}`;
  const begin = `${language === 0 ? "Hồ sơ" : "Case"} ${shown(proof.caseCode)}: ${steps ? `${steps}; ` : ""}`;
  const vi = `${proof.leaves.length} việc ghi từ ${first} đến ${last} (giờ Việt Nam) còn nguyên, không thiếu, đúng thứ tự trong sổ ${log} mục)`;
  const en = `${proof.leaves.length} events recorded from ${first} to ${last} (Vietnam time) are whole, none is missing, all in order in the log ${log} leaves)`;
  return `${begin}${language === 0 ? vi : en}${moreOf(proof).map((each) => each[language]).join("")}.`;
}

function moreOf(proof) {
  const more = [];
  if (proof.stampedAt) {
    const [vi, en] = spoken(proof.stampedAt);
    more.push([`, sổ có dấu thời gian ${vi} của ${shown(proof.stampedBy)}`, `, which ${shown(proof.stampedBy)} time-stamped ${en}`]);
  }
  const held = [["biên lai", "receipt", proof.receipts], ["giấy", "paper", proof.papers]];
  for (const [vi, en, names] of [...held, ["lệnh nộp tiền của cổng", "order of the portal", proof.orders]]) {
    if (names.length > 0) more.push([`; kèm ${vi} ${names.join(", ")}`, `; with ${en} ${names.join(", ")}`]);
  }
  if (proof.forgottenAt) {
    const [vi, en] = spoken(proof.forgottenAt);
    more.push([
      `; dữ liệu cá nhân đã được xóa ${vi}: mã hồ sơ chỉ theo lời người ký`,
      `; what concerned the person was forgotten ${en}: the code of the case is the signer's word`,
    ]);
  }
  more.push([`; tệp do ${shown(proof.signedBy)} ký`, `; the file is signed by ${shown(proof.signedBy)}`]);
  if (!proof.rootGiven) more.push([", chưa so với chứng thư đã công bố", ", not compared with the published certificate"]);
  if (!proof.keyGiven) {
    more.push([
      "; khóa của sổ lấy từ chính tệp này, hãy so với khóa đã công bố",
      "; the key of the log is the one in this file: compare it with the published one",
    ]);
  }
  return more;
}

/* What holds; `logKey` is the published key of the log ("": the one in the file), `root` whose container it is. */
async function checkContainer(data, logKey, root) {
  const files = unzipped(data);
  await checkManifest(files);
  const signedBy_ = await checkSignature(files, root);
  const told = readJson(files.get("evidence.json"), "evidence.json", "evidence.json");
  if (member(told, "v", Number.isSafeInteger) !== VERSION) throw new Broken("Tệp thuộc phiên bản khác", "The file is of another version");
  const log = member(told, "log", isObject);
  const checkpoint = await checkCheckpoint(files.get("checkpoint.txt"), logKey, textOf(log, "key"));
  if (member(told, "size", Number.isSafeInteger) !== checkpoint.size || textOf(log, "origin") !== checkpoint.origin) {
    throw new Broken("evidence.json là của sổ khác", "evidence.json is of another checkpoint");
  }
  const [caseCode, events] = [textOf(told, "case_code"), member(told, "events", Array.isArray)];
  const leaves = [];
  for (const [at, each] of events.entries()) leaves.push(await checkEvent(each, at + 1, checkpoint));
  if (leaves.length === 0) throw new Broken("Tệp không có sự kiện nào", "The file has no events");
  checkOrder(events, leaves);
  const forgottenAt = Object.hasOwn(told, "forgotten_at") ? momentOf(told, "forgotten_at") : "";
  for (const [at, each] of events.entries()) {
    await checkOpened(member(each, "opened", isObject), leaves[at], at + 1, caseCode, forgottenAt !== "");
  }
  const held = await checkPapers(files, leaves.map((leaf, at) => [leaf.type, valuesOf(events[at], leaf)]));
  const stamp = await checkStamp(files);
  const proof = {
    ...held,
    caseCode,
    leaves,
    firstAt: momentOf(leaves[0], "recorded_at"),
    lastAt: momentOf(leaves[leaves.length - 1], "recorded_at"),
    origin: checkpoint.origin,
    size: checkpoint.size,
    stampedAt: stamp.at,
    stampedBy: stamp.by,
    steps: leaves.filter((leaf) => Object.hasOwn(STEPS, leaf.type)).map((leaf) => [leaf.type, momentOf(leaf, "occurred_at")]),
    forgottenAt,
    signedBy: signedBy_,
    keyGiven: Boolean(logKey),
    rootGiven: Boolean(root),
  };
  return { vi: sentenceOf(proof, 0), en: sentenceOf(proof, 1), leaves };
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
