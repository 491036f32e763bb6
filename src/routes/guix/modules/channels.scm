;; Channels: where packages come from.
(define-module (guix channels)
  #:use-module (guix records)
  #:use-module (trimaran guix)
  #:export (channel channel? channel-name channel-url channel-branch channel-commit channel-introduction
            channel-location make-channel-introduction openpgp-fingerprint
            %default-guix-channel %default-channels channel->attributes))

(define-record-type* <channel> channel make-channel channel?
  (name channel-name)
  (url channel-url)
  (branch channel-branch (default "master"))
  (commit channel-commit (default #f))
  (introduction channel-introduction (default #f))
  (location channel-location (default #f) (innate)))

(define (make-channel-introduction commit fingerprint) (list 'introduction commit fingerprint))
(define (openpgp-fingerprint text) text)

(define %default-guix-channel
  (channel (name 'guix) (url "debian:bookworm")))
(define %default-channels (list %default-guix-channel))

(define (channel->attributes channel)
  `(("name" . ,(symbol->string (channel-name channel)))
    ("url" . ,(channel-url channel))
    ("branch" . ,(channel-branch channel))
    ("commit" . ,(channel-commit channel))))
