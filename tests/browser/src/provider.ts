// A model provider, as OpenAI-compatible endpoints are: it answers by a stream, and says a word when the test does.
//
// Every request is one `Answer`, in the order of arrival. What hangs up is seen: `answer.isHungUp`.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  /** The conversation that was asked about, as the API has it. */
  messages: { role: string; content: unknown }[];
  think(text: string): void;
  say(text: string): void;
  /** Ends it as a whole answer. */
  finish(): void;
  /** Cuts it off in the middle, as a network does. */
  breakOff(): void;
  isHungUp(): boolean;
}

export interface Provider {
  /** What a models file says of it, under this name. */
  declaration(name: string): string;
  /** The next answer that is asked for. */
  asked(): Promise<Answer>;
  stop(): Promise<void>;
}

export async function startProvider(): Promise<Provider> {
  const answers: Answer[] = [];
  const waiting: ((answer: Answer) => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url !== '/v1/chat/completions') {
        response.writeHead(404).end();
        return;
      }
      const { messages } = JSON.parse(Buffer.concat(chunks).toString()) as Pick<Answer, 'messages'>;
      const answer = answering(response, messages);
      const taker = waiting.shift();
      if (taker) taker(answer);
      else answers.push(answer);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    declaration: (name) =>
      `[[model]]\nname = "${name}"\nprovider = "openai-compatible"\nmodel = "words"\nbase_url = "http://127.0.0.1:${port}/v1"\n`,
    asked: () => {
      const answer = answers.shift();
      return answer ? Promise.resolve(answer) : new Promise((taken) => waiting.push(taken));
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function answering(response: ServerResponse, messages: Answer['messages']): Answer {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let isHungUp = false;
  response.on('close', () => (isHungUp = !response.writableEnded));
  const send = (delta: object, reason: string | null = null) => {
    const chunk = { id: 'answer', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason }] };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  send({ role: 'assistant' });
  return {
    messages,
    think: (text) => send({ reasoning_content: text }),
    say: (text) => send({ content: text }),
    finish() {
      send({}, 'stop');
      response.write(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } })}\n\n`);
      response.end('data: [DONE]\n\n');
    },
    breakOff: () => response.destroy(),
    isHungUp: () => isHungUp,
  };
}
