// SPDX-License-Identifier: BSD-3-Clause
// The server of server.py, written for the TypeScript SDK's second version: `server.mjs stdio|http`, in both eras
// over stdio, in the modern one over HTTP (in the other the SDK has no sessions). There it prints its port.

import { createServer } from 'node:http';

import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  McpServer, ResourceTemplate, acceptedContent, completable, createMcpHandler, inputRequired,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const ended = new Set();
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const result = (value, said = String(value)) => ({ ...text(said), structuredContent: { result: value } });
const of = (type) => z.object({ result: type });

function server() {
  const mcp = new McpServer(
    { name: 'peer', version: '1' },
    { instructions: 'A peer for tests.', capabilities: { logging: {}, resources: { subscribe: true } } },
  );

  const add = z.object({ a: z.int(), b: z.int() });
  mcp.registerTool(
    'add',
    { description: 'The sum of two integers.', inputSchema: add, outputSchema: of(z.int()) },
    ({ a, b }) => result(a + b),
  );

  const city = z.object({ name: z.string(), people: z.int() });
  mcp.registerTool('biggest', { outputSchema: city }, () => {
    const oslo = { name: 'Oslo', people: 720_000 };
    return { ...text(JSON.stringify(oslo)), structuredContent: oslo };
  });

  mcp.registerTool('picture', {}, () => ({
    content: [{ type: 'image', data: 'iVBORw0KGgo=', mimeType: 'image/png' }],
  }));

  mcp.registerTool('fail', {}, () => {
    throw new Error('this tool always fails');
  });

  const report = (ctx, progress, total, message) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    const params = { progressToken, progress, total, message };
    return ctx.mcpReq.notify({ method: 'notifications/progress', params });
  };

  mcp.registerTool('count', { inputSchema: z.object({ to: z.int() }) }, async ({ to }, ctx) => {
    for (let step = 1; step <= to; step++) await report(ctx, step, to, `step ${step}`);
    return text(`counted to ${to}`);
  });

  mcp.registerTool('say', { inputSchema: z.object({ text: z.string() }) }, async (said, ctx) => {
    await ctx.mcpReq.log('info', said.text);
    return text('said');
  });

  mcp.registerTool('wait', { inputSchema: z.object({ key: z.string() }) }, async ({ key }, ctx) => {
    await report(ctx, 1, 2, 'waiting');
    await new Promise((resolve) => ctx.mcpReq.signal.addEventListener('abort', resolve));
    ended.add(key);
    return text('waited');
  });

  const key = z.object({ key: z.string() });
  mcp.registerTool('ended', { inputSchema: key, outputSchema: of(z.boolean()) }, ({ key }) =>
    result(ended.has(key)),
  );

  // In the legacy era the SDK asks by requests of its own, and calls the function again.
  const person = z.object({ name: z.string() });
  mcp.registerTool('ask_name', {}, (ctx) => {
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'it', person);
    const question = inputRequired.elicit({ message: 'Who are you?', requestedSchema: person });
    return answer ? text(answer.name) : inputRequired({ inputRequests: { it: question } });
  });

  const question = z.object({ question: z.string() });
  mcp.registerTool('ask_model', { inputSchema: question }, ({ question }, ctx) => {
    const messages = [{ role: 'user', content: { type: 'text', text: question } }];
    const it = inputRequired.createMessage({ messages, maxTokens: 10 });
    const answer = ctx.mcpReq.inputResponses?.it;
    return answer ? text(answer.content.text) : inputRequired({ inputRequests: { it } });
  });

  mcp.registerTool('ask_roots', { outputSchema: of(z.array(z.string())) }, (ctx) => {
    const answer = ctx.mcpReq.inputResponses?.it;
    return answer
      ? result(answer.roots.map((root) => root.uri))
      : inputRequired({ inputRequests: { it: inputRequired.listRoots() } });
  });

  mcp.registerTool('change', {}, () => {
    if (overHttp) overHttp.notify.toolsChanged();
    else mcp.sendToolListChanged();
    return text('changed');
  });

  mcp.registerTool('touch', {}, async () => {
    if (overHttp) overHttp.notify.resourceUpdated('note://today');
    else await mcp.server.sendResourceUpdated({ uri: 'note://today' });
    return text('touched');
  });
  mcp.server.setRequestHandler('resources/subscribe', () => ({}));
  mcp.server.setRequestHandler('resources/unsubscribe', () => ({}));

  mcp.registerResource('today', 'note://today', { mimeType: 'text/markdown' }, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'text/markdown', text: '# Today' }],
  }));

  const bytes = new ResourceTemplate('bytes://{count}', { list: undefined });
  const mimeType = 'application/octet-stream';
  mcp.registerResource('zeros', bytes, { mimeType }, ({ href }, { count }) => ({
    contents: [{ uri: href, mimeType, blob: Buffer.alloc(Number(count)).toString('base64') }],
  }));

  const names = (typed) => ['Ada', 'Alan', 'Bo'].filter((name) => name.startsWith(typed));
  const greet = z.object({ name: completable(z.string(), names) });
  mcp.registerPrompt('greet', { description: 'Greet somebody.', argsSchema: greet }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Say hello to ${name}.` } }],
  }));

  return mcp;
}

const overHttp = process.argv[2] === 'http' ? createMcpHandler(server) : null;
if (overHttp) {
  const listening = createServer(toNodeHandler(overHttp));
  listening.listen(0, '127.0.0.1', () => console.log(listening.address().port));
} else {
  serveStdio(server);
}
