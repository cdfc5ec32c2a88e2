// SPDX-License-Identifier: BSD-3-Clause
/**
 * A tool's arguments in one line, as in `n: integer = 5, region?: text`, made of its
 * input schema.
 */

/** The parts of a JSON Schema that are used here. */
export interface ISchema {
  readonly type?: string | readonly string[];
  readonly properties?: { readonly [name: string]: ISchema };
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly ISchema[];
  readonly items?: ISchema;
  readonly $ref?: string;
}

/** The longest default that is written out. */
const MAX_DEFAULT_CHARS = 20;

/** The arguments of a tool with this input schema. */
export function signatureOf(schema: ISchema): string {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {})
    .map(([name, property]) => argument(name, property, required.has(name)))
    .join(', ');
}

function argument(name: string, schema: ISchema, isRequired: boolean): string {
  const type = typeOf(schema);
  const { default: value } = schema;
  if (isRequired) {
    return `${name}: ${type}`;
  }
  const text = value === undefined || value === null ? null : JSON.stringify(value);
  return text === null || text.length > MAX_DEFAULT_CHARS
    ? `${name}?: ${type}`
    : `${name}: ${type} = ${text}`;
}

function typeOf(schema: ISchema): string {
  if (schema.enum !== undefined) {
    return schema.enum.map(each => JSON.stringify(each)).join(' | ');
  }
  if (schema.anyOf !== undefined) {
    const types = schema.anyOf.filter(each => each.type !== 'null').map(typeOf);
    return [...new Set(types)].join(' | ');
  }
  if (schema.$ref !== undefined) {
    return schema.$ref.split('/').pop() ?? 'object';
  }
  if (schema.type === 'array') {
    return schema.items === undefined ? 'list' : `list of ${typeOf(schema.items)}`;
  }
  const types = [schema.type ?? 'anything'].flat();
  return types.map(each => (each === 'string' ? 'text' : each)).join(' | ');
}
