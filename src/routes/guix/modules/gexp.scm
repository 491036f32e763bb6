;; G-expressions and file-like objects. A gexp is an S-expression in which inputs stand where #$ was; lowering puts
;; their store paths there and collects what must be built for them.
(define-module (guix gexp)
  #:use-module (srfi srfi-1)
  #:use-module (srfi srfi-9)
  #:use-module (trimaran guix)
  #:export (gexp gexp? gexp-input gexp-input? ungexp ungexp-native ungexp-splicing ungexp-native-splicing
            with-imported-modules with-extensions
            local-file local-file? local-file-name local-file-absolute-file-name local-file-recursive?
            plain-file plain-file? plain-file-name plain-file-content
            mixed-text-file mixed-text-file? program-file program-file? scheme-file scheme-file?
            computed-file computed-file? file-append file-append? file-union directory-union file-like?
            define-lowering! lowerable? lower-object lowered? lowered-path lowered-derivation lowered-output
            make-lowered gexp->sexp gexp-derivation default-guile derivation-lowered))

(define-record-type <gexp>
  (%make-gexp expression modules)
  gexp?
  (expression gexp-expression)
  ;; Names of modules, or (NAME => FILE), that were imported where it stands.
  (modules gexp-modules))

(define imported-modules (make-parameter '()))
(define (make-gexp expression) (%make-gexp expression (imported-modules)))

(define-record-type <gexp-input>
  (make-gexp-input thing output splice?)
  gexp-input?
  (thing gexp-input-thing)
  (output gexp-input-output)
  (splice? gexp-input-splice?))

(define* (gexp-input thing #:optional (output "out") #:key native?)
  (make-gexp-input thing output #f))

(define-record-type <gexp-output>
  (make-gexp-output name)
  gexp-output?
  (name gexp-output-name))

(define-syntax ungexp
  (lambda (s) (syntax-violation 'ungexp "outside of a gexp" s)))
(define-syntax ungexp-native
  (lambda (s) (syntax-violation 'ungexp-native "outside of a gexp" s)))
(define-syntax ungexp-splicing
  (lambda (s) (syntax-violation 'ungexp-splicing "outside of a gexp" s)))
(define-syntax ungexp-native-splicing
  (lambda (s) (syntax-violation 'ungexp-native-splicing "outside of a gexp" s)))

;; #$glibc:debug reads as one symbol; it means the output "debug" of glibc.
(define (split-output thing)
  (let* ((text (and (identifier? thing) (symbol->string (syntax->datum thing))))
         (colon (and text (string-index text #\:))))
    (if (and colon (> colon 0) (< (+ colon 1) (string-length text)))
        (values (datum->syntax thing (string->symbol (substring text 0 colon)))
                (substring text (+ colon 1)))
        (values thing "out"))))

(define (expand-reference thing output splice?)
  (call-with-values
      (lambda () (if output (values thing output) (split-output thing)))
    (lambda (thing output)
      (if (and (identifier? thing) (eq? (syntax->datum thing) 'output))
          #`(make-gexp-output #,output)
          #`(make-gexp-input #,thing #,output #,splice?)))))

(define (expand-template e)
  (define (head? id names)
    (and (identifier? id) (memq (syntax->datum id) names)))
  (syntax-case e ()
    ((head thing)
     (head? #'head '(ungexp ungexp-native))
     (expand-reference #'thing #f #f))
    ((head thing output)
     (head? #'head '(ungexp ungexp-native))
     (expand-reference #'thing #'output #f))
    ((head thing . _)
     (head? #'head '(ungexp-splicing ungexp-native-splicing))
     (expand-reference #'thing #f #t))
    ((first . rest)
     #`(cons #,(expand-template #'first) #,(expand-template #'rest)))
    (_ #`(quote #,e))))

(define-syntax gexp
  (lambda (s)
    (syntax-case s ()
      ((_ expression)
       #`(make-gexp #,(expand-template #'expression))))))

(define-syntax-rule (with-imported-modules modules body)
  (parameterize ((imported-modules (append modules (imported-modules)))) body))
(define-syntax-rule (with-extensions extensions body) body)

;; What an object is in the store: its path, and the derivation that makes it, if one does.
(define-record-type <lowered>
  (make-lowered path derivation output)
  lowered?
  (path lowered-path)
  (derivation lowered-derivation)
  (output lowered-output))

(define lowerings '())

;; PROC is called with an object and the name of an output, and gives a lowered object.
(define (define-lowering! predicate proc)
  (set! lowerings (cons (cons predicate proc) lowerings)))

(define (lowering-of object)
  (let ((found (find (lambda (entry) ((car entry) object)) lowerings)))
    (and found (cdr found))))

(define (lowerable? object) (if (lowering-of object) #t #f))
(define (file-like? object) (lowerable? object))

(define* (lower-object object #:optional (output "out"))
  (let ((lower (lowering-of object)))
    (unless lower
      (%fail "not-a-file" (format #f "~s is neither a package nor a file-like object" object)
             "use a package, an origin, or what local-file and its kin give"))
    (lower object output)))

(define* (derivation-lowered derivation #:optional (output "out"))
  (make-lowered (%derivation-output derivation output) derivation output))

(define-lowering! derivation? derivation-lowered)
(define-lowering! lowered? (lambda (object output) object))

;; The S-expression of a gexp; ADD! is called with each input.
(define (gexp->sexp thing add!)
  (define (resolve thing output)
    (cond ((gexp? thing) (walk (gexp-expression thing)))
          ((gexp-input? thing) (resolve (gexp-input-thing thing) (gexp-input-output thing)))
          ((lowerable? thing)
           (let ((lowered (lower-object thing output)))
             (add! lowered)
             (lowered-path lowered)))
          ((pair? thing) (cons (resolve (car thing) output) (resolve (cdr thing) output)))
          ((or (string? thing) (symbol? thing) (number? thing) (boolean? thing) (null? thing)
               (keyword? thing) (char? thing) (bytevector? thing) (vector? thing))
           thing)
          (else
           (%fail "bad-gexp-input" (format #f "~s cannot be part of a gexp" thing)
                  "use packages, file-like objects, strings, numbers, symbols and lists of them"))))
  (define (walk tree)
    (cond ((and (pair? tree) (gexp-input? (car tree)) (gexp-input-splice? (car tree)))
           (append (resolve (gexp-input-thing (car tree)) (gexp-input-output (car tree)))
                   (walk (cdr tree))))
          ((pair? tree) (cons (walk (car tree)) (walk (cdr tree))))
          ((gexp-output? tree) `((@ (guile) getenv) ,(gexp-output-name tree)))
          ((gexp-input? tree) (resolve tree "out"))
          ((gexp? tree) (walk (gexp-expression tree)))
          (else tree)))
  (if (gexp? thing) (walk (gexp-expression thing)) (resolve thing "out")))

(define (bytevector? x) ((@ (rnrs bytevectors) bytevector?) x))

;; Modules that a gexp and those within it import.
(define (all-modules thing)
  (delete-duplicates
   (let loop ((thing thing))
     (cond ((gexp? thing) (append (gexp-modules thing) (loop (gexp-expression thing))))
           ((gexp-input? thing) (loop (gexp-input-thing thing)))
           ((pair? thing) (append (loop (car thing)) (loop (cdr thing))))
           (else '())))))

(define (module-file name)
  (string-append (string-join (map (lambda (part) (if (symbol? part) (symbol->string part) (number->string part)))
                                   name)
                              "/")
                 ".scm"))

(define (missing-module name)
  (%fail "no-such-module" (format #f "the imported module ~s is nowhere on the load path" name)
         "name the folder that it is in by -L"))

;; A folder of modules for a load path, or #f. Modules of Guix itself are given to builders as they are; OF-GUIX is
;; called with the name of one, and gives (FILE . TEXT) pairs.
(define (module-import modules of-guix)
  (define (entries module)
    (cond ((and (= (length module) 3) (eq? (cadr module) '=>))
           (list (cons (module-file (car module)) (lower-object (caddr module)))))
          ((memq (car module) '(guix gnu))
           (map (lambda (file)
                  (cons (car file) (make-lowered (%add-text (basename (car file)) (cdr file)) #f "out")))
                (of-guix module)))
          (else
           (let* ((name (module-file module))
                  (file (or (%search-load-path name) (missing-module module))))
             (list (cons name (make-lowered (%add-text (basename name) (call-with-input-file file get-string-all))
                                            #f "out")))))))
  (let ((files (delete-duplicates (append-map entries modules) (lambda (a b) (equal? (car a) (car b))))))
    (and (pair? files)
         (derivation-lowered
          (%derivation "module-import" "builtin:link-farm" '()
                       `(("entries" . ,(list->vector
                                        (map (lambda (entry)
                                               `(("name" . ,(car entry)) ("target" . ,(lowered-path (cdr entry)))))
                                             files))))
                       (map cdr files) '("out") #f)))))

(define (get-string-all port) ((@ (ice-9 textual-ports) get-string-all) port))

;; A derivation that runs EXPRESSION in a builder.
(define* (gexp-derivation name expression #:key (inputs '()) (environment '()) (outputs '("out")) hash)
  (let* ((collected inputs)
         (add! (lambda (input) (set! collected (cons input collected))))
         (sexp (gexp->sexp expression add!))
         (modules (module-import (all-modules expression) (lambda (name) '()))))
    (when modules (add! modules))
    (%derivation name "builtin:guix-scheme"
                 `(("builder" . ,(object->string sexp))
                   ,@(if modules `(("modules" . ,(lowered-path modules))) '())
                   ,@environment)
                 #f collected outputs hash)))

;; Files.

(define-record-type <local-file>
  (make-local-file file absolute name recursive? select?)
  local-file?
  (file local-file-file)
  (absolute %local-file-absolute)
  (name local-file-name)
  (recursive? local-file-recursive?)
  (select? local-file-select?))

(define (local-file-absolute-file-name file) (force (%local-file-absolute file)))

(define (source-directory form)
  (let ((file (assq-ref (or (syntax-source form) '()) 'filename)))
    (and file (string-prefix? "/" file) (dirname file))))

(define (absolute file directory)
  (if (string-prefix? "/" file)
      file
      (string-append (or directory (getcwd)) "/" file)))

(define* (%local-file file directory #:optional (name (local-name file))
                      #:key recursive? (select? #f))
  (make-local-file file (delay (absolute file directory)) name recursive? select?))

(define (local-name file)
  (let ((name (basename file)))
    (if (member name '("." ".." "/"))
        (%fail "bad-file-name" (string-append "local-file cannot call a store item `" name "'")
               "give it a name: (local-file \".\" \"server\" #:recursive? #t)")
        name)))

(define-syntax local-file
  (lambda (s)
    (syntax-case s ()
      ((_ file rest ...)
       #`(%local-file file #,(datum->syntax #'here (source-directory s)) rest ...))
      (id
       (identifier? #'id)
       #'(lambda (file . rest) (apply %local-file file #f rest))))))

(define-lowering! local-file?
  (lambda (file output)
    (make-lowered (%add-path (local-file-absolute-file-name file) (local-file-name file)
                             (local-file-recursive? file) (local-file-select? file))
                  #f "out")))

(define-record-type <plain-file>
  (%plain-file name content)
  plain-file?
  (name plain-file-name)
  (content plain-file-content))

(define (plain-file name content) (%plain-file name content))

(define-lowering! plain-file?
  (lambda (file output)
    (make-lowered (%add-text (plain-file-name file) (plain-file-content file)) #f "out")))

;; Files that a derivation makes: lowered by a procedure of theirs.
(define-record-type <made-file>
  (make-made-file kind name lower)
  made-file?
  (kind made-file-kind)
  (name made-file-name)
  (lower made-file-lower))

(define-lowering! made-file?
  (lambda (file output) (derivation-lowered ((made-file-lower file)) output)))

(define (made? kind)
  (lambda (object) (and (made-file? object) (eq? (made-file-kind object) kind))))
(define mixed-text-file? (made? 'mixed-text))
(define program-file? (made? 'program))
(define scheme-file? (made? 'scheme))
(define computed-file? (made? 'computed))

(define (write-file name pieces executable?)
  (let* ((inputs '())
         (add! (lambda (input) (set! inputs (cons input inputs))))
         (text (string-concatenate
                (map (lambda (piece) (if (string? piece) piece (gexp->sexp piece add!))) pieces))))
    (%derivation name "builtin:write-file"
                 `(("text" . ,text) ("executable" . ,(if executable? "1" "")) ("destination" . ""))
                 #f inputs '("out") #f)))

;; Pieces that are code are evaluated when the file is built.
(define (mixed-text-file name . pieces)
  (define (code? piece)
    (cond ((gexp? piece)
           (let ((expression (gexp-expression piece)))
             (and (pair? expression) (not (gexp-input? expression)))))
          (else #f)))
  (make-made-file
   'mixed-text name
   (lambda ()
     (if (any code? pieces)
         (gexp-derivation name
                          #~(call-with-output-file #$output
                              (lambda (port) (for-each (lambda (piece) (display piece port)) (list #$@pieces)))))
         (write-file name pieces #f)))))

(define default-guile
  (make-parameter (lambda () (%fail "no-guile" "there is no Guile to run a program-file with" #f))))

;; What of Guix's own modules scripts of an image can use.
(define (script-modules name)
  (if (equal? name '(guix build utils))
      (%script-modules)
      (%fail "unsupported-module" (format #f "programs cannot import ~s" name)
             "of Guix's modules (guix build utils) can be imported; put others beside the recipe")))

(define (load-path-form folder)
  (format #f "(eval-when (expand load eval) (set! %load-path (cons ~s %load-path)))~%" folder))

(define* (program-file name expression #:key (guile #f) (module-path '()))
  (make-made-file
   'program name
   (lambda ()
     (let* ((inputs '())
            (add! (lambda (input) (set! inputs (cons input inputs))))
            (interpreter (gexp->sexp (file-append (or guile ((default-guile))) "/bin/guile") add!))
            (sexp (gexp->sexp expression add!))
            (modules (module-import (all-modules expression) script-modules)))
       (when modules (add! modules))
       (%derivation name "builtin:write-file"
                    `(("text" . ,(string-append "#!" interpreter " --no-auto-compile\n!#\n"
                                                (if modules (load-path-form (lowered-path modules)) "")
                                                (object->string sexp) "\n"))
                      ("executable" . "1") ("destination" . ""))
                    #f inputs '("out") #f)))))

(define* (scheme-file name expression #:key splice?)
  (make-made-file
   'scheme name
   (lambda ()
     (let* ((inputs '())
            (add! (lambda (input) (set! inputs (cons input inputs))))
            (sexp (gexp->sexp expression add!)))
       (%derivation name "builtin:write-file"
                    `(("text" . ,(if splice?
                                     (string-concatenate
                                      (map (lambda (e) (string-append (object->string e) "\n")) sexp))
                                     (object->string sexp)))
                      ("executable" . "") ("destination" . ""))
                    #f inputs '("out") #f)))))

(define* (computed-file name expression #:key (options '()) guile local-build?)
  (make-made-file 'computed name (lambda () (gexp-derivation name expression))))

(define* (file-union name files)
  (make-made-file
   'union name
   (lambda ()
     (let* ((lowered (map (lambda (entry) (lower-object (cadr entry))) files)))
       (%derivation name "builtin:link-farm" '()
                    `(("entries" . ,(list->vector
                                     (map (lambda (entry file)
                                            `(("name" . ,(car entry)) ("target" . ,(lowered-path file))))
                                          files lowered))))
                    lowered '("out") #f)))))

;; One folder of what several have; where two have a file of one name, the first counts.
(define* (directory-union name things #:key (copy? #f) (quiet? #f) (resolve-collision #f))
  (if (and (pair? things) (null? (cdr things)) (not copy?))
      (car things)
      (computed-file name
                     #~(begin
                         (use-modules (guix build utils))
                         (union-directories #$output (list #$@things) #:copy? #$copy?)))))

(define-record-type <file-append>
  (%file-append base suffix)
  file-append?
  (base file-append-base)
  (suffix file-append-suffix))

(define (file-append base . suffix) (%file-append base suffix))

(define-lowering! file-append?
  (lambda (file output)
    (let ((base (lower-object (file-append-base file) output)))
      (make-lowered (string-append (lowered-path base) (string-concatenate (file-append-suffix file)))
                    (lowered-derivation base) (lowered-output base)))))
