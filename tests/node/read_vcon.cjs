// Reads a vCon with other implementations than ours: jose for JWS and JWE, Node's own X.509,
// ajv for the draft's schema.
//
//   node read_vcon.cjs SCHEMA VCON [KEY ALG]
//
// Prints what it found as JSON: {forms, alg, uuid, chained, problems, payload}.
const { readFileSync } = require('node:fs')
const { createPrivateKey, X509Certificate } = require('node:crypto')
const jose = require('jose')
const Ajv = require('ajv').default
const addFormats = require('ajv-formats').default

async function decrypted (jwe, keyFile, alg) {
  const pem = createPrivateKey(readFileSync(keyFile)).export({ type: 'pkcs8', format: 'pem' })
  const key = await jose.importPKCS8(pem, alg)
  const { plaintext } = await jose.generalDecrypt(jwe, key)
  return JSON.parse(Buffer.from(plaintext).toString())
}

async function verified (jws, found) {
  const { header, protected: head } = jws.signatures[0]
  const alg = jose.decodeProtectedHeader({ protected: head }).alg
  const chain = header.x5c.map((one) => new X509Certificate(Buffer.from(one, 'base64')))
  const key = await jose.importX509(chain[0].toString(), alg)
  const { payload } = await jose.generalVerify(jws, key, { algorithms: ['RS256', 'ES256'] })
  Object.assign(found, { alg, uuid: header.uuid })
  found.chained = chain.every((one, at) => {
    const issuer = chain[Math.min(at + 1, chain.length - 1)]
    return one.verify(issuer.publicKey)
  })
  return Buffer.from(payload).toString()
}

async function main ([schema, file, key, alg]) {
  const found = { forms: [] }
  let read = JSON.parse(readFileSync(file))
  if (read.ciphertext) {
    found.forms.push('encrypted')
    read = await decrypted(read, key, alg)
  }
  found.forms.push('signed')
  found.payload = await verified(read, found)
  const ajv = new Ajv({ strict: false, allErrors: true })
  addFormats(ajv)
  const check = ajv.compile(JSON.parse(readFileSync(schema)))
  check(JSON.parse(found.payload))
  found.problems = check.errors || []
  console.log(JSON.stringify(found))
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`${error.code || error.name}: ${error.message}`)
  process.exit(1)
})
