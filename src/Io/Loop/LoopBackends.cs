namespace Harness.Io;

/// <summary>The backends that a user can choose, by name.</summary>
public static class LoopBackends
{
    /// <summary>Every name, in the order in which results print them.</summary>
    public static IReadOnlyList<string> All { get; } = ["poll", "epoll", "uring-poll", "uring", "uring-epoll"];

    /// <summary>A backend by its name, to be attached to a loop on the calling thread.</summary>
    /// <exception cref="ArgumentException">There is no such backend.</exception>
    public static ILoopBackend Create(string name) => name switch
    {
        "poll" => new PollBackend(),
        "epoll" => new EpollBackend(),
        "uring-poll" => new UringPollBackend(),
        "uring" => new UringBackend(),
        "uring-epoll" => new UringEpollBackend(),
        _ => throw new ArgumentException($"unknown backend '{name}'; the backends are {string.Join(", ", All)}"),
    };
}
