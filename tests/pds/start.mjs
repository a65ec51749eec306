// The AT Protocol's reference server in memory, for tests. `node start.mjs APPVIEW` prints one line of JSON once it
// answers, and ends when its standard input does. There are two servers: `url` asks the AppView at APPVIEW what it does
// not know itself, `limited` counts requests and has no AppView. A handle ends in .test.
import devEnv from '@atproto/dev-env'

const { TestNetworkNoAppView, TestPds } = devEnv
const appView = { bskyAppViewUrl: process.argv[2], bskyAppViewDid: 'did:web:appview.example.org' }
const none = { bskyAppViewUrl: undefined, bskyAppViewDid: undefined, bskyAppViewCdnUrlPattern: undefined }

const network = await TestNetworkNoAppView.create({ pds: appView })
const limited = await TestPds.create({ didPlcUrl: network.plc.url, ...none, rateLimitsEnabled: true })

process.stdout.write(JSON.stringify({ url: network.pds.url, limited: limited.url }) + '\n')
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
