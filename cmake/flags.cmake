# Compiler flags of all C code of the project, as the interface target offhook_flags.
add_library(offhook_flags INTERFACE)
target_compile_definitions(offhook_flags INTERFACE _GNU_SOURCE)
target_compile_options(offhook_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
  # One result everywhere: no fused multiply-add behind our back. The other two only free the vectoriser; they change no result.
  -ffp-contract=off -fno-math-errno -fno-trapping-math)
# Off under the gcc sanitizers: the code they add makes gcc warn of things that the source does not do.
if(OFFHOOK_WERROR)
  target_compile_options(offhook_flags INTERFACE -Werror)
endif()
if(OFFHOOK_SANITIZE)
  target_compile_options(offhook_flags INTERFACE -g -fno-omit-frame-pointer -fsanitize=${OFFHOOK_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(offhook_flags INTERFACE -fsanitize=${OFFHOOK_SANITIZE})
endif()
if(OFFHOOK_FUZZ)
  target_compile_options(offhook_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# One executable per tests/test_*.c of a folder, registered with ctest under the file's name.
# A test sees the internal headers and symbols: it links the static library.
function(offhook_add_tests folder libraries)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/test_*.c)
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/core/src ${PROJECT_SOURCE_DIR}/core/tests)
    target_link_libraries(${name} PRIVATE ${libraries} offhook_flags m Threads::Threads)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endforeach()
endfunction()
