import type { CertificateObserver } from "./certificate-source.ts";

/** Is told how requests fare; see `webhookMetrics`. `webhook` is the path. */
export interface RequestObserver {
  /** A server has this route: its series begin at 0. */
  onRoute(webhook: string): void;
  onRequestStart(webhook: string): void;
  /** `code`: the HTTP status, or `aborted` when the client went before the answer. */
  onRequest(result: { readonly webhook: string; readonly code: string; readonly seconds: number }): void;
  /** A handler threw. */
  onPanic(webhook: string): void;
}

export type WebhookObserver = RequestObserver & CertificateObserver;
