// An MCP server that behaves badly on demand: the official ones never hang, die or change their list.
// Speaks JSON-RPC by lines over its standard input and output. Each call's begin is noted in the file
// that STUBBORN_LOG names, so that a test can count how often a call was made.
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const any = { type: 'object', properties: { n: { type: 'integer' } } }
const tools = [
  { name: 'wait', description: 'Never answers, and may not be repeated.', inputSchema: any },
  { name: 'wait-again', description: 'Never answers.', inputSchema: any, annotations: { idempotentHint: true } },
  { name: 'hang', description: 'Answers nothing any more.', inputSchema: any },
  { name: 'die', description: 'Ends the server.', inputSchema: any },
  { name: 'count', description: 'Answers n.', inputSchema: any },
  { name: 'grow', description: 'Adds a tool.', inputSchema: any },
  { name: 'grow-slowly', description: 'Adds a tool, and takes its time to list it.', inputSchema: any },
  { name: 'refuse', description: 'Refuses to.', inputSchema: any },
  { name: 'remote', description: 'Its schema lies elsewhere.', inputSchema: { type: 'object', $ref: 'http://127.0.0.1:1/schema.json' } },
  { name: 'näme', description: 'No model can say it.', inputSchema: any },
]
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n')
let listsWithin = 0
const text = (words) => ({ content: [{ type: 'text', text: words }] })

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  const answer = (result) => say({ id, result })
  if (method === 'initialize') {
    answer({
      protocolVersion: params.protocolVersion,
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'stubborn', version: '1' },
    })
  } else if (method === 'tools/list') {
    appendFileSync(process.env.STUBBORN_LOG, 'listed\n')
    setTimeout(() => answer({ tools }), listsWithin)
  } else if (method === 'ping') {
    answer({})
  } else if (method === 'notifications/cancelled') {
    appendFileSync(process.env.STUBBORN_LOG, 'cancelled\n')
  } else if (method === 'tools/call') {
    appendFileSync(process.env.STUBBORN_LOG, `${params.name} ${process.pid}\n`)
    switch (params.name) {
      case 'hang':
        for (;;);
      case 'die':
        process.exit(1)
      case 'count':
        return answer(text(String(params.arguments.n)))
      case 'grow-slowly':
        listsWithin = 1000
      // falls through
      case 'grow':
        tools.push({ name: 'extra', description: 'It was not there before.', inputSchema: any })
        say({ method: 'notifications/message', params: { level: 'info', data: 'nobody is to read this' } })
        say({ method: 'notifications/tools/list_changed' })
        return answer(text('grown'))
      case 'refuse':
        return say({ id, error: { code: -32602, message: 'nobody is to read this' } })
      case 'extra':
        return answer(text('extra'))
    }
  }
})
process.stdin.on('end', () => process.exit(0))
