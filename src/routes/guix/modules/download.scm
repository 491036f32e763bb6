;; Sources behind URLs. `mirror://` needs Guix's list of mirrors and is refused by name.
(define-module (guix download)
  #:use-module (trimaran guix)
  #:export (url-fetch url-fetch/tarbomb url-fetch/zipbomb))

(define* (url-fetch url hash-algorithm hash #:optional name #:key system guile executable?)
  (let* ((urls (if (list? url) url (list url)))
         (first (car urls)))
    (for-each (lambda (url)
                (when (string-prefix? "mirror://" url)
                  (%fail "unsupported-url" (string-append "the URL `" url "' needs Guix's list of mirrors")
                         "write the address of one mirror")))
              urls)
    (%derivation (or name (basename first)) "builtin:download"
                 `(("url" . ,(object->string (if (list? url) url first))))
                 #f '() '("out")
                 (list (if executable? "r:" "") hash-algorithm hash))))

(define (url-fetch/tarbomb . _)
  (%fail "unsupported-method" "url-fetch/tarbomb is not supported" "use url-fetch, and unpack in a builder"))
(define (url-fetch/zipbomb . _)
  (%fail "unsupported-method" "url-fetch/zipbomb is not supported" "use url-fetch, and unpack in a builder"))
