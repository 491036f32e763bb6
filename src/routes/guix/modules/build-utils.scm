;; (guix build utils): what builders use to make files.
(define-module (guix build utils)
  #:use-module (srfi srfi-1)
  #:use-module (ice-9 regex)
  #:use-module (ice-9 rdelim)
  #:use-module (ice-9 ftw)
  #:use-module (ice-9 match)
  #:use-module (trimaran build)
  #:export (mkdir-p install-file copy-recursively delete-file-recursively find-files file-is-directory?
            directory-exists? executable-file? symbolic-link? make-file-writable with-directory-excursion
            substitute substitute* file-name-predicate call-with-ascii-input-file dump-port
            search-input-file search-input-directory alist-cons-before alist-cons-after alist-replace
            modify-phases invoke %store-directory strip-store-file-name package-name->name+version
            wrap-program patch-shebang union-directories))

(define (%store-directory) "/gnu/store")
(define (directory-exists? file) (%directory? file))
(define (symbolic-link? file) (%symlink? file))
(define (executable-file? file) (and (file-exists? file) (not (%directory? file)) (%executable? file)))
(define (file-is-directory? file) (%directory? file))
(define (make-file-writable file) (chmod file #o644))

(define (mkdir-p directory)
  (unless (or (member directory '("" "/" ".")) (directory-exists? directory))
    (mkdir-p (dirname directory))
    (mkdir directory)))

(define (install-file file directory)
  (mkdir-p directory)
  (copy-file file (string-append directory "/" (basename file))))

(define (entries directory)
  (scandir directory (lambda (name) (not (member name '("." ".."))))))

(define* (copy-recursively source destination #:key (log #f) (follow-symlinks? #f) (copy-file copy-file)
                           keep-mtime? keep-permissions? (select? (const #t)))
  (let copy ((source source) (destination destination))
    (cond ((and (symbolic-link? source) (not follow-symlinks?))
           (symlink (readlink source) destination))
          ((directory-exists? source)
           (mkdir-p destination)
           (for-each (lambda (name)
                       (copy (string-append source "/" name) (string-append destination "/" name)))
                     (entries source)))
          (else
           (mkdir-p (dirname destination))
           (copy-file source destination)))))

(define* (delete-file-recursively file #:key follow-mounts?)
  (if (and (directory-exists? file) (not (symbolic-link? file)))
      (begin
        (for-each (lambda (name) (delete-file-recursively (string-append file "/" name))) (entries file))
        (rmdir file))
      (delete-file file)))

(define* (find-files directory #:optional (predicate (const #t)) #:key (stat #f) directories? fail-on-error?)
  (define wanted?
    (if (string? predicate)
        (let ((expression (make-regexp predicate)))
          (lambda (file stat) (regexp-exec expression (basename file))))
        predicate))
  (let loop ((file directory))
    (cond ((and (directory-exists? file) (not (symbolic-link? file)))
           (append (if (and directories? (wanted? file #f)) (list file) '())
                   (append-map (lambda (name) (loop (string-append file "/" name))) (entries file))))
          ((and (or (file-exists? file) (symbolic-link? file)) (wanted? file #f)) (list file))
          (else '()))))

(define (file-name-predicate regexp)
  (let ((expression (make-regexp regexp)))
    (lambda (file stat) (regexp-exec expression (basename file)))))

(define-syntax-rule (with-directory-excursion directory body ...)
  (let ((before (getcwd)))
    (dynamic-wind
      (lambda () (chdir directory))
      (lambda () body ...)
      (lambda () (chdir before)))))

(define (read-all file) (call-with-input-file file read-string))

;; Applies each (REGEXP . PROC) to every line; PROC gets the line and a list with one match.
(define (substitute file rules)
  (define expressions
    (map (lambda (rule) (cons (if (string? (car rule)) (make-regexp (car rule) regexp/extended) (car rule)) (cdr rule)))
         rules))
  (define (apply-rule rule line)
    (let ((matches (list-matches (car rule) line)))
      (if (null? matches) line ((cdr rule) line matches))))
  (let* ((text (read-all file))
         (lines (let loop ((start 0) (lines '()))
                  (let ((end (string-index text #\newline start)))
                    (if end
                        (loop (+ end 1) (cons (substring text start (+ end 1)) lines))
                        (reverse (if (< start (string-length text)) (cons (substring text start) lines) lines)))))))
    (%write-file file
                 (string-concatenate
                  (map (lambda (line) (fold apply-rule line expressions)) lines)))))

(define-syntax let-matches
  (syntax-rules ()
    ((_ index match () body ...) (begin body ...))
    ((_ index match (name var ...) body ...)
     (let ((name (match:substring match index)))
       (let-matches (+ 1 index) match (var ...) body ...)))))

(define-syntax substitute*
  (syntax-rules ()
    ((_ file ((regexp match ...) body ...) ...)
     (let ((files file)
           (rules (list (cons regexp
                              (lambda (line matches)
                                (let loop ((rest matches) (start 0) (pieces '()))
                                  (if (null? rest)
                                      (string-concatenate-reverse (cons (substring line start) pieces))
                                      (let* ((m (car rest))
                                             (new (let-matches 0 m (match ...) body ...)))
                                        (loop (cdr rest) (match:end m)
                                              (cons* new (substring line start (match:start m)) pieces)))))))
                        ...)))
       (for-each (lambda (name) (substitute name rules))
                 (if (list? files) files (list files)))))))

(define (search-input-file inputs name)
  (or (any (lambda (input) (let ((file (string-append (cdr input) "/" name))) (and (file-exists? file) file))) inputs)
      (error "search-input-file: no input has it:" name)))
(define search-input-directory search-input-file)

(define (check-phase reference alist)
  (unless (assoc reference alist) (error "there is no such phase:" reference)))
(define (alist-cons-before reference key value alist)
  (check-phase reference alist)
  (append-map (lambda (pair) (if (equal? (car pair) reference) (list (cons key value) pair) (list pair))) alist))
(define (alist-cons-after reference key value alist)
  (check-phase reference alist)
  (append-map (lambda (pair) (if (equal? (car pair) reference) (list pair (cons key value)) (list pair))) alist))
(define (alist-replace key value alist)
  (check-phase key alist)
  (map (lambda (pair) (if (equal? (car pair) key) (cons key value) pair)) alist))

(define-syntax modify-phases
  (syntax-rules (delete replace add-before add-after)
    ((_ phases) phases)
    ((_ phases (delete name) clause ...) (modify-phases (alist-delete name phases) clause ...))
    ((_ phases (replace name value) clause ...) (modify-phases (alist-replace name value phases) clause ...))
    ((_ phases (add-before where name value) clause ...)
     (modify-phases (alist-cons-before where name value phases) clause ...))
    ((_ phases (add-after where name value) clause ...)
     (modify-phases (alist-cons-after where name value phases) clause ...))))

(define (strip-store-file-name file)
  (let* ((name (substring file (+ 1 (string-length (%store-directory)))))
         (dash (string-index name #\-)))
    (substring name (+ dash 1))))

(define (package-name->name+version name)
  (let ((dash (string-rindex name #\-)))
    (if dash (values (substring name 0 dash) (substring name (+ dash 1))) (values name #f))))

(define (dump-port in out . _) (display (read-string in) out))
(define (call-with-ascii-input-file file proc) (call-with-input-file file proc))

(define (invoke program . arguments) (%invoke program arguments))

;; OUTPUT gets links to, or copies of, what DIRECTORIES hold; folders that several have are joined.
(define* (union-directories output directories #:key copy?)
  (mkdir-p output)
  (for-each
   (lambda (name)
     (let* ((files (filter (lambda (file) (or (file-exists? file) (symbolic-link? file)))
                           (map (lambda (directory) (string-append directory "/" name)) directories)))
            (folders (take-while directory-exists? files))
            (target (string-append output "/" name)))
       (cond ((and (pair? folders) (or copy? (pair? (cdr folders)))) (union-directories target folders #:copy? copy?))
             (copy? (copy-file (car files) target))
             (else (symlink (car files) target)))))
   (delete-duplicates (append-map entries directories))))
;; A wrapper is a script for the shell of the image, where Guix takes a shell from the store.
(define* (wrap-program program #:key (sh "/bin/sh") #:allow-other-keys #:rest rest)
  (define variables
    (let loop ((rest rest))
      (match rest
        (((? keyword?) _ . rest) (loop rest))
        (_ rest))))
  (define (exported variable)
    (match variable
      ((name (? string? separator) '= values)
       (format #f "export ~a=\"~a\"~%" name (string-join values separator)))
      ((name (? string? separator) 'prefix values)
       (format #f "export ~a=\"~a${~a:+~a}$~a\"~%" name (string-join values separator) name separator name))
      ((name (? string? separator) 'suffix values)
       (format #f "export ~a=\"$~a${~a:+~a}~a\"~%" name name name separator (string-join values separator)))
      ((name how values) (exported (list name ":" how values)))))
  (let* ((real (string-append (dirname program) "/." (basename program) "-real"))
         (exports (string-concatenate (map exported variables)))
         (absolute (if (absolute-file-name? real) real (string-append (getcwd) "/" real))))
    (if (file-exists? real)
        (let* ((text (read-all program))
               (last (string-rindex text #\newline 0 (- (string-length text) 1))))
          (%write-file program
                       (string-append (substring text 0 (+ last 1)) exports (substring text (+ last 1)))))
        (begin
          (rename-file program real)
          (%write-file program (format #f "#!~a~%~aexec \"~a\" \"$@\"~%" sh exports absolute))))
    (chmod program #o755)))
(define (patch-shebang . arguments) #f)
