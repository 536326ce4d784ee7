// Solves a challenge: which counter makes a key that begins as it should? In plain JavaScript, because crypto.subtle
// isn't there without HTTPS, and asking it for one small hash at a time is slower.
'use strict';

const K = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);
const START = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);

// One block, and the hash that it makes: every message here is shorter than one.
const block = new Int32Array(64);
const hash = new Int32Array(8);

function compress() {
  for (let i = 16; i < 64; i += 1) {
    const x = block[i - 15];
    const y = block[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    block[i] = (block[i - 16] + s0 + block[i - 7] + s1) | 0;
  }
  let a = START[0];
  let b = START[1];
  let c = START[2];
  let d = START[3];
  let e = START[4];
  let f = START[5];
  let g = START[6];
  let h = START[7];
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + block[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0;
    d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  hash[0] = START[0] + a; hash[1] = START[1] + b; hash[2] = START[2] + c; hash[3] = START[3] + d;
  hash[4] = START[4] + e; hash[5] = START[5] + f; hash[6] = START[6] + g; hash[7] = START[7] + h;
}

// Ends a message of so many words, as SHA-256 wants it.
function pad(words) {
  block[words] = 0x80000000;
  block.fill(0, words + 1, 15);
  block[15] = words * 32;
}

const wordsOf = (hex) => Int32Array.from(hex.match(/.{8}/g), (digits) => parseInt(digits, 16));
const hexOf = (words) => Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');

function solve({ salt, nonce, cost, keyPrefix }) {
  const head = wordsOf(salt + nonce);
  const wanted = parseInt(keyPrefix, 16);
  const unread = 32 - 4 * keyPrefix.length;
  for (let counter = 0; counter <= 0xffffffff; counter += 1) {
    block.set(head);
    block[head.length] = counter;
    pad(head.length + 1);
    compress();
    for (let round = 1; round < cost; round += 1) {
      block.set(hash);
      pad(8);
      compress();
    }
    if (hash[0] >>> unread === wanted) return { counter, derivedKey: hexOf(hash) };
  }
  return null;
}

onmessage = ({ data }) => postMessage(solve(data));
