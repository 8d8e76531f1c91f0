/**
 * Stores a file by `uploadFile`, with progress. The one request that urql does not make: fetch
 * tells nothing of what has gone up. By the GraphQL multipart request specification.
 */
import { stringifyDocument } from '@urql/core';
import { graphql } from '@/gql';
import type { UploadFileMutation } from '@/gql/graphql';
import { reportUnauthenticated } from './session';

const UploadFileDocument = graphql(/* GraphQL */ `
  mutation UploadFile($input: UploadFileInput!) {
    uploadFile(input: $input) {
      file {
        id
        filename
        sizeBytes
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);
const QUERY = stringifyDocument(UploadFileDocument);

export type Stored = NonNullable<UploadFileMutation['uploadFile']['file']>;

export interface Upload {
  /** The stored file; rejects with words for people. */
  stored: Promise<Stored>;
  abort(): void;
}

interface Answer {
  data?: UploadFileMutation | null;
  errors?: { message: string }[];
}

export function upload(file: File, agentId: string, onProgress: (fraction: number) => void): Upload {
  const request = new XMLHttpRequest();
  const stored = new Promise<Stored>((resolve, reject) => {
    const fail = (words: string) => reject(new Error(words));
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onerror = () => fail('The upload was cut. Try again.');
    request.onabort = () => fail('The upload was stopped.');
    request.onload = () => {
      if (request.status === 401) {
        reportUnauthenticated();
        fail('The session is over.');
        return;
      }
      if (request.status === 413) {
        fail('The file is larger than the server takes.');
        return;
      }
      const answer = read(request.responseText);
      const payload = answer?.data?.uploadFile;
      if (payload?.file) resolve(payload.file);
      else fail(payload?.errors[0]?.message ?? answer?.errors?.[0]?.message ?? 'The server did not take the file.');
    };
    request.open('POST', '/graphql');
    request.setRequestHeader('Accept', 'application/graphql-response+json, application/json');
    // No page of another origin can send this header, so none can upload in the viewer's name.
    request.setRequestHeader('GraphQL-Require-Preflight', '1');
    const form = new FormData();
    form.set('operations', JSON.stringify({ query: QUERY, variables: { input: { agentId, file: null } } }));
    form.set('map', JSON.stringify({ 0: ['variables.input.file'] }));
    form.set('0', file);
    request.send(form);
  });
  return { stored, abort: () => request.abort() };
}

function read(text: string): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}
