(use-modules (guix packages)
             (guix gexp)
             (guix build-system copy)
             (guix licenses))

(define areas-server
  (package
    (name "areas-server")
    (version "1.0")
    (source (local-file "server" "areas-server" #:recursive? #t))
    (build-system copy-build-system)
    (arguments '(#:install-plan '(("areas" "areas"))))
    (synopsis "server part of the areas project")
    (description "server part of the areas project")
    (home-page "https://example.org/areas")
    (license agpl3)))

(concatenate-manifests
  (list (specifications->manifest
          (list "python" "python-uvicorn" "python-fastapi" "python-pyjwt"
                "python-requests-oauthlib" "python-itsdangerous" "python-asyncpg"))
        (packages->manifest (list areas-server))))
