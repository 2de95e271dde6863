// A real PDS with a PLC directory of its own, on free ports of 127.0.0.1, for tests.
//
// Usage: node server.cjs FOLDER (the PDS's files; node_modules is found from NODE_PATH)
// It prints one line of JSON when it is up: {"url": ..., "admin": <password>}. Each line on its standard input is
// {"advance": <seconds>}: its clock goes forward by that, and it answers "ok". It ends when standard input does.
const { randomBytes } = require('node:crypto')
const net = require('node:net')
const readline = require('node:readline')

const hex = (bytes) => randomBytes(bytes).toString('hex')

let ahead = 0
const RealDate = Date
global.Date = class extends RealDate {
  constructor(...given) {
    if (given.length) super(...given)
    else super(RealDate.now() + ahead)
  }
  static now() {
    return RealDate.now() + ahead
  }
}

// Neither of the two can be told an address: without one they would listen on all interfaces.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  return typeof port === 'number' ? listen.call(this, port, '127.0.0.1', ...rest) : listen.call(this, port, ...rest)
}

const freePort = () =>
  new Promise((resolve) => {
    const probe = net.createServer().listen(0, () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })

async function main(folder) {
  const { PlcServer, Database } = require('@did-plc/server')
  const { PDS, envToCfg, envToSecrets, readEnv } = require('@atproto/pds')
  const plcPort = await freePort()
  await PlcServer.create({ db: Database.mock(), port: plcPort }).start()
  const port = await freePort()
  const admin = hex(16)
  Object.assign(process.env, {
    PDS_PORT: String(port),
    PDS_HOSTNAME: 'localhost',
    PDS_DEV_MODE: 'true',
    PDS_DATA_DIRECTORY: folder,
    PDS_BLOBSTORE_DISK_LOCATION: `${folder}/blobs`,
    PDS_DID_PLC_URL: `http://127.0.0.1:${plcPort}`,
    PDS_SERVICE_HANDLE_DOMAINS: '.test',
    PDS_INVITE_REQUIRED: 'false',
    PDS_RATE_LIMITS_ENABLED: 'true',
    PDS_DISABLE_SSRF_PROTECTION: 'true',
    PDS_JWT_SECRET: hex(16),
    PDS_ADMIN_PASSWORD: admin,
    PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: hex(32),
  })
  const env = readEnv()
  const pds = await PDS.create(envToCfg(env), envToSecrets(env))
  await pds.start()
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}`, admin }))
}

const lines = readline.createInterface({ input: process.stdin })
lines.on('line', (line) => {
  ahead += JSON.parse(line).advance * 1000
  console.log('ok')
})
lines.on('close', () => process.exit(0))

main(process.argv[2]).catch((error) => {
  console.error(error)
  process.exit(1)
})
