# liboffhook_drivers: the C media backends of hwdrivers/, linked to liboffhook. Not built while there is none.
set(offhook_media_dir ${PROJECT_SOURCE_DIR}/hwdrivers/offhook_drivers/media)
file(GLOB offhook_media_sources CONFIGURE_DEPENDS ${offhook_media_dir}/*.c)

if(offhook_media_sources)
  add_library(offhook_drivers SHARED ${offhook_media_sources})
  set_target_properties(offhook_drivers PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
  # Beside liboffhook in a build or an install; in a wheel and in the source tree each library lies in its own package.
  set_target_properties(offhook_drivers PROPERTIES BUILD_WITH_INSTALL_RPATH ON
    INSTALL_RPATH "$ORIGIN:$ORIGIN/../offhook_core:$ORIGIN/../../cext/offhook_core")
  target_link_options(offhook_drivers PRIVATE -Wl,--enable-new-dtags)
  target_include_directories(offhook_drivers PUBLIC
    $<BUILD_INTERFACE:${offhook_media_dir}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(offhook_drivers PUBLIC offhook PRIVATE m Threads::Threads $<BUILD_INTERFACE:offhook_flags>)
  install(TARGETS offhook_drivers EXPORT offhook LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES ${offhook_media_dir}/offhook_drivers.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

  if(BUILD_TESTING)
    add_library(offhook_drivers_for_tests STATIC ${offhook_media_sources})
    target_include_directories(offhook_drivers_for_tests PUBLIC ${offhook_media_dir})
    target_link_libraries(offhook_drivers_for_tests PUBLIC offhook_static PRIVATE m Threads::Threads offhook_flags)
    offhook_add_tests(${offhook_media_dir}/tests offhook_drivers_for_tests)
  endif()
endif()
