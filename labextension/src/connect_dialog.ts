// SPDX-License-Identifier: BSD-3-Clause
/**
 * Connect an assistant to a notebook: the user chooses host, tools and days, pastes one line, and sees the host
 * arrive. The line has a new token in it. It is shown this once, and is nowhere when the dialog is closed.
 */

import { Clipboard, Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { type Api, type IClient, type IConnectLine, type INotebook, messageOf } from './api';
import { CONNECTED_MILLISECONDS } from './tokens';

/** Stands for the token before there is one. */
const NO_TOKEN = 'TOKEN';

const DAYS = [1, 7, 30, 90];
const USUAL_DAYS = 30;

/** Show the dialog; return when it is closed. */
export async function connectAssistant(
  api: Api,
  notebook: INotebook,
  url: string,
  trans: TranslationBundle
): Promise<void> {
  const lines = await api.connectLines(notebook.name, url, NO_TOKEN);
  const body = new ConnectForm(api, notebook, url, lines, trans);
  const dialog = new Dialog<unknown>({
    title: trans.__('Connect an assistant to %1', notebook.name),
    body,
    buttons: [Dialog.okButton({ label: trans.__('Close') })],
    focusNodeSelector: 'select'
  });
  dialog.addClass('jp-McpConnect');
  // Enter closes a dialog, wherever the focus is. Here it is the form's own.
  const keep = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && body.node.contains(event.target as Node)) {
      event.stopImmediatePropagation();
    }
  };
  dialog.node.addEventListener('keydown', keep, true);
  await dialog.launch();
}

class ConnectForm extends Widget {
  constructor(
    private readonly _api: Api,
    private readonly _notebook: INotebook,
    private readonly _url: string,
    lines: readonly IConnectLine[],
    private readonly _trans: TranslationBundle
  ) {
    super();
    const { tools } = _notebook.items;
    this._host = select(lines.map(each => [each.host, each.host]));
    this._days = select(DAYS.map(each => [String(each), _trans._n('%1 day', '%1 days', each)]));
    this._days.value = String(USUAL_DAYS);
    this._tools = tools.map(tool => {
      const { destructiveHint, openWorldHint } = tool.annotations ?? {};
      const box = checkbox(tool.name, !destructiveHint && !openWorldHint);
      const words = destructiveHint ? _trans.__('deletes') : openWorldHint ? _trans.__('reaches out') : '';
      return { box, label: labelled(words ? `${tool.name} (${words})` : tool.name, box) };
    });
    this._reads = checkbox('', true);
    this._make = element('button', _trans.__('Make a Token'));
    this._make.type = 'button';
    this._make.className = 'jp-Dialog-button jp-mod-accept';
    this._make.addEventListener('click', () => void this._onMake());
    this._fields = document.createElement('fieldset');
    this._fields.append(
      labelled(_trans.__('Assistant'), this._host),
      element('p', _trans.__('May use')),
      ...this._tools.map(each => each.label),
      labelled(_trans.__('all resources and prompts'), this._reads),
      labelled(_trans.__('For'), this._days),
      this._make
    );
    this._result.setAttribute('aria-live', 'polite');
    this.node.append(this._fields, this._result);
  }

  override dispose(): void {
    clearInterval(this._looking);
    super.dispose();
  }

  private async _onMake(): Promise<void> {
    this._fields.disabled = true;
    try {
      const { name } = this._notebook;
      const before = (await this._api.notebook(name)).clients.map(keyOf);
      const all = this._reads.checked ? ['*'] : [];
      const token = await this._api.makeToken({
        label: this._host.value,
        servers: [name],
        tools: this._tools.filter(each => each.box.checked).map(each => each.box.value),
        resources: all,
        prompts: all,
        days: Number(this._days.value)
      });
      const lines = await this._api.connectLines(name, this._url, token);
      this._show(lines.find(each => each.host === this._host.value)!, new Set(before));
    } catch (error) {
      this._fields.disabled = false;
      this._result.replaceChildren(element('p', messageOf(error)));
    }
  }

  private _show(line: IConnectLine, before: ReadonlySet<string>): void {
    const trans = this._trans;
    this._fields.hidden = true; // What was chosen is in the token: it cannot be changed any more.
    const copy = element('button', trans.__('Copy'));
    copy.type = 'button';
    copy.className = 'jp-Dialog-button jp-mod-accept jp-mod-styled';
    copy.addEventListener('click', () => {
      Clipboard.copyToSystem(line.text);
      copy.textContent = trans.__('Copied');
    });
    const waiting = element('p', trans.__('Waiting for %1…', line.host));
    waiting.className = 'jp-McpConnect-waiting';
    this._result.replaceChildren(
      element('p', trans.__('Paste this %1. It has the token in it, and is shown this once.', line.where)),
      element('pre', line.text),
      copy,
      waiting
    );
    copy.focus();
    this._looking = setInterval(() => void this._look(before, waiting), CONNECTED_MILLISECONDS);
  }

  /** Whether a client is there that was not there before. */
  private async _look(before: ReadonlySet<string>, waiting: HTMLElement): Promise<void> {
    const details = await this._api.notebook(this._notebook.name).catch(() => null);
    const client = details?.clients.find(each => !before.has(keyOf(each)));
    if (client !== undefined) {
      clearInterval(this._looking);
      waiting.dataset.connected = '';
      waiting.textContent = `✓ ${this._trans.__('%1 is connected', `${client.name} ${client.version}`)}`;
    }
  }

  private readonly _days: HTMLSelectElement;
  private readonly _fields: HTMLFieldSetElement;
  private readonly _host: HTMLSelectElement;
  private _looking: ReturnType<typeof setInterval> | undefined;
  private readonly _make: HTMLButtonElement;
  private readonly _reads: HTMLInputElement;
  private readonly _result = document.createElement('div');
  private readonly _tools: readonly { box: HTMLInputElement; label: HTMLLabelElement }[];
}

function keyOf({ name, since, version }: IClient): string {
  return JSON.stringify([name, version, since]);
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text: string
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), { textContent: text });
}

function labelled(text: string, field: HTMLElement): HTMLLabelElement {
  const label = document.createElement('label');
  const isBox = field instanceof HTMLInputElement;
  label.append(...(isBox ? [field, ` ${text}`] : [`${text} `, field]));
  return label;
}

function checkbox(value: string, checked: boolean): HTMLInputElement {
  return Object.assign(document.createElement('input'), { type: 'checkbox', value, checked });
}

function select(options: readonly (readonly [string, string])[]): HTMLSelectElement {
  const field = document.createElement('select');
  field.append(...options.map(([value, text]) => new Option(text, value)));
  return field;
}
