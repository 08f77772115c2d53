#include "addon/encoding.h"

#include <cmath>
#include <system_error>

#include "addon/convert.h"

namespace laminix::addon {

namespace {

/** @param most what it may be */
std::size_t toCount(const Napi::Value& value, const char* what, double most) {
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (number >= 0 && number <= most && number == std::floor(number)) return static_cast<std::size_t>(number);
  throw Napi::TypeError::New(value.Env(), std::string(what) + " must be a whole number within its bounds");
}

encode::Format toFormat(const Napi::Value& value) {
  std::string name = toString(value, "options.format");
  if (name == "gz") return encode::Format::deflate;
  if (name == "zstd") return encode::Format::zstd;
  throw Napi::TypeError::New(value.Env(), "there is no format " + name);
}

}  // namespace

std::shared_ptr<Encoding> Encoding::open(Napi::Env env) {
  std::shared_ptr<Encoding> encoding(new Encoding);
  auto forget = [](Napi::Env, void*, Context* context) { delete context; };
  encoding->bell_ =
      Bell::New(env, "laminix encoding", 0, 1, new Context(encoding), forget, static_cast<void*>(nullptr));
  encoding->bell_.Unref(env);
  // Hooks run last in, first out: the threads are gone before Node takes the bell away.
  napi_add_env_cleanup_hook(env, tearDown, encoding.get());
  return encoding;
}

/** No JavaScript runs any more. */
void Encoding::tearDown(void* encoding) {
  auto* self = static_cast<Encoding*>(encoding);
  self->pool_.close();
  self->pending_.clear();  // while references can still be given back
}

Napi::Value Encoding::encode(const std::shared_ptr<Encoding>& encoding, const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsObject()) throw Napi::TypeError::New(env, "options must be an object");
  Napi::Object options = info[0].As<Napi::Object>();
  if (!info[1].IsArrayBuffer()) throw Napi::TypeError::New(env, "memory must be an ArrayBuffer");
  auto memory = info[1].As<Napi::ArrayBuffer>();
  encode::Format format = toFormat(options.Get("format"));
  auto job = std::make_shared<encode::Job>(encode::Job{
      format,
      static_cast<int>(
          toCount(options.Get("level"), "options.level", format == encode::Format::zstd ? 19 : 12)),
      static_cast<std::uint8_t*>(memory.Data()),
      memory.ByteLength(),
      toCount(info[2], "length", static_cast<double>(memory.ByteLength())),
      std::max<std::size_t>(1, toCount(options.Get("jobs"), "options.jobs", 4096)),
  });

  auto deferred = Napi::Promise::Deferred::New(env);
  encoding->pending_.emplace(job.get(), Pending{deferred, Napi::Persistent(memory.As<Napi::Object>())});
  if (encoding->pending_.size() == 1) encoding->bell_.Ref(env);
  try {
    encoding->pool_.submit(job);
  } catch (const std::system_error& error) {
    std::string problem = std::string("a thread could not be started: ") + error.what();
    encoding->settle(env, {job, std::move(problem)});
  }

  Napi::Object result = Napi::Object::New(env);
  result.Set("promise", deferred.Promise());
  auto cancel = [weak = std::weak_ptr(encoding), job = std::move(job)](const Napi::CallbackInfo& call) {
    if (auto self = weak.lock()) self->cancel(call.Env(), job);
  };
  result.Set("cancel", Napi::Function::New(env, cancel, "cancel"));
  return result;
}

void Encoding::cancel(Napi::Env env, const std::shared_ptr<encode::Job>& job) {
  if (!pool_.cancel(job)) return;
  Napi::Promise::Deferred deferred = pending_.at(job.get()).deferred;
  forget(env, job.get());
  deferred.Reject(
      toJs(env, daemon::CodedError(daemon::code::cancelled, "the chunk is not encoded any more")));
}

void Encoding::done(const std::shared_ptr<encode::Job>& job, encode::Outcome outcome) {
  std::lock_guard lock(mutex_);
  done_.push_back({job, std::move(outcome)});
  // Refused only by an environment that is about to join this thread.
  if (done_.size() == 1) bell_.NonBlockingCall();
}

/** Without an environment if that is ending. */
void Encoding::drain(Napi::Env env, Napi::Function, Context* context, void*) {
  if (env == nullptr) return;
  std::shared_ptr<Encoding> self = *context;
  std::vector<Done> done;
  {
    std::lock_guard lock(self->mutex_);
    done.swap(self->done_);
  }
  for (Done& each : done) {
    Napi::HandleScope scope(env);
    self->settle(env, std::move(each));
  }
}

void Encoding::settle(Napi::Env env, Done done) {
  Napi::Promise::Deferred deferred = pending_.at(done.job.get()).deferred;
  forget(env, done.job.get());
  if (auto* problem = std::get_if<std::string>(&done.outcome)) {
    deferred.Reject(Napi::Error::New(env, *problem).Value());
    return;
  }
  const auto& encoded = std::get<encode::Encoded>(done.outcome);
  Napi::Object result = Napi::Object::New(env);
  result.Set("length", Napi::Number::New(env, static_cast<double>(encoded.length)));
  result.Set("crc32", Napi::Number::New(env, encoded.crc32));
  deferred.Resolve(result);
}

void Encoding::forget(Napi::Env env, const encode::Job* job) {
  pending_.erase(job);
  if (pending_.empty()) bell_.Unref(env);
}

}  // namespace laminix::addon
